"""Claims: what does the owner ask of a model, class by class and as a whole?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_store.errors import TargetError
from model_store.thresholds import DEFAULT_DELTA, Target, check_delta, check_targets, parse_target


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
    """

    targets: tuple[Target, ...] = ()
    delta: float = DEFAULT_DELTA
    joint: bool = False
    priority: tuple[str, ...] = ()
    require_one: bool = False

    def check(self, classes: Sequence[str], *, multilabel: bool = False) -> None:
        """Raise a `TargetError` for what does not fit `classes`, before anything is trained."""
        check_delta(self.delta)
        check_targets(self.targets, classes)
        for name in self.priority:
            if name not in classes:
                raise TargetError(f"priority names unknown class {name!r}; check its spelling")
        if len(set(self.priority)) < len(self.priority):
            raise TargetError("priority names a class twice; give each once")
        if self.priority and multilabel:
            raise TargetError("priority picks one label, and this model gives several; leave it out")
        if self.require_one and not multilabel:
            raise TargetError("require-one is for multi-label models; one label is what this model gives")

    def to_json(self) -> dict[str, Any]:
        """Return what a manifest keeps, so that a refit can ask the same again."""
        return {
            "targets": [str(target) for target in self.targets],
            "delta": self.delta,
            "joint": self.joint,
            "priority": list(self.priority),
            "require_one": self.require_one,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Claims":
        """Return what `to_json` wrote; a key that is missing gets its default."""
        return cls(
            targets=tuple(parse_target(each) for each in data.get("targets", ())),
            delta=float(data.get("delta", DEFAULT_DELTA)),
            joint=bool(data.get("joint", False)),
            priority=tuple(data.get("priority", ())),
            require_one=bool(data.get("require_one", False)),
        )
