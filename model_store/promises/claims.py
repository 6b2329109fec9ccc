"""Claims: what does the owner ask of a model, class by class and as a whole?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_store.costs import Costs
from model_store.errors import TargetError
from model_store.graphs.outputs import Task
from model_store.policy import Rule
from model_store.promises.targets import DEFAULT_DELTA, Target, check_targets, class_deltas, parse_target


@dataclass(frozen=True, slots=True)
class Claims:
    """What is asked; `check` says whether it can be asked of these classes.

    Parameters
    ----------
    targets : tuple of Target
        Classes without one get the default recall.
    delta : float
        A claim may fail with at most this probability.
    joint : bool
        That probability is for all classes together, not for each on its own.
    priority : tuple of str
        The first of these classes that passes is the label.
    require_one : bool
        Multi-label: an item without a label goes to review.
    costs : Costs, optional
        Decide by them.
    sample : bool
        False: the rows are no sample of the traffic, so nothing is certified.
    """

    targets: tuple[Target, ...] = ()
    delta: float = DEFAULT_DELTA
    joint: bool = False
    priority: tuple[str, ...] = ()
    require_one: bool = False
    costs: Costs | None = None
    sample: bool = True

    @property
    def rule(self) -> Rule:
        """What makes the label of the flags."""
        return "costs" if self.costs is not None else "priority" if self.priority else "ratio"

    def check(self, classes: Sequence[str], *, task: Task) -> None:
        """Raise a `TargetError` for what does not fit `classes`, before anything is trained."""
        class_deltas(check_targets(self.targets, classes), delta=self.delta, joint=self.joint)
        for name in self.priority:
            if name not in classes:
                raise TargetError(
                    f"priority names unknown class {name!r}; the classes are {', '.join(classes)}"
                )
        if len(set(self.priority)) < len(self.priority):
            raise TargetError("priority names a class twice; give each once")
        if self.priority and self.costs is not None:
            raise TargetError("priority and costs both decide the label; give one of them")
        if task == "multilabel" and self.rule != "ratio":
            raise TargetError(f"{self.rule} picks one label, and this model gives several; leave it out")
        if self.require_one and task != "multilabel":
            raise TargetError("require-one is for multi-label models; one label is what this model gives")

    def differences(self, before: "Claims") -> tuple[str, ...]:
        """Return what this asks and `before` did not, or does not ask any more, a line each."""
        new, old = ({t.class_name: t for t in claims.targets} for claims in (self, before))
        lines = [f"{t} (before: {old.get(name, 'nothing')})" for name, t in new.items() if t != old.get(name)]
        lines += [f"nothing of {name} (before: {t})" for name, t in old.items() if name not in new]
        for what in ("delta", "joint", "require_one"):
            mine, theirs = getattr(self, what), getattr(before, what)
            if mine != theirs:
                lines.append(f"{what} {mine} (before: {theirs})")
        if self.priority != before.priority:
            lines.append(f"priority {', '.join(self.priority) or 'none'}")
        if self.costs is not before.costs:
            lines.append("costs")
        return tuple(lines)

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest keeps, so that a refit can ask the same again."""
        return {
            "targets": [str(target) for target in self.targets],
            "delta": self.delta,
            "joint": self.joint,
            "priority": list(self.priority),
            "require_one": self.require_one,
            "costs": None if self.costs is None else self.costs.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], classes: tuple[str, ...]) -> "Claims":
        """Return what `to_json` wrote; a key that is missing gets its default."""
        costs = data.get("costs")
        return cls(
            targets=tuple(parse_target(each) for each in data.get("targets", ())),
            delta=float(data.get("delta", DEFAULT_DELTA)),
            joint=bool(data.get("joint", False)),
            priority=tuple(data.get("priority", ())),
            require_one=bool(data.get("require_one", False)),
            costs=None if costs is None else Costs.from_json(costs, classes),
        )
