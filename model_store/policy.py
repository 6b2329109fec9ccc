"""Policy: which class, if any, is an item called, given its calibrated probabilities?

A class is *flagged* when its probability reaches its threshold; the guarantees of the thresholds are about
flags. With several labels an item the flags are the answer. With one label, a rule makes it of them:

- `ratio`: the flagged class with the largest p / t, ties to the rarer class. No flag: `no_class_passes`. A
  close second, where the owner asks for it: `ambiguous`.
- `priority`: the first of the listed classes that is flagged; where none is, as `ratio`.
- `costs`: the class whose expected cost is least, whatever is flagged (`model_store.costs`).

`abstained` leaves the item to a person: a probability lies between a class's two thresholds, or every answer
costs more than a review. The label beside it is a suggestion.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float32s, Probabilities
from model_store.costs import Costs
from model_store.errors import TargetError
from model_store.graphs.outputs import Task
from model_store.promises.thresholds import ClassThreshold

NO_CLASS: Final = "no_class_passes"
DECISIONS: Final = ("accepted", "ambiguous", NO_CLASS, "abstained")
ACCEPTED: Final = 0
AMBIGUOUS: Final = 1
NO_CLASS_PASSES: Final = 2
ABSTAINED: Final = 3
NO_LABEL: Final = -1

Counts: TypeAlias = npt.NDArray[np.int64]  # (n_classes, len(DECISIONS))
Rule: TypeAlias = Literal["ratio", "costs", "priority"]

# Where a threshold is 0 every ratio is infinite; the smallest normal float32 keeps them ordered by p.
_SMALLEST: Final = np.float32(np.finfo(np.float32).tiny)
_UNFLAGGED: Final = np.float32(-1.0)
# Indexed by whether a row is flagged: a take is a third of the time of np.where and a cast.
_DECISION_OF: Final = np.array([NO_CLASS_PASSES, ACCEPTED], dtype=np.int8)
_FORMAT_1: Final = frozenset(
    {"classes", "delta", "calibration_sha256", "ambiguous_ratio", "rarity", "thresholds"}
)
_KEYS: Final = _FORMAT_1 | {"task", "rule", "costs", "priority", "require_one"}


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What was decided about n items.

    Parameters
    ----------
    probabilities : float32 array of shape (n_items, n_classes)
        Calibrated.
    flags : bool array of shape (n_items, n_classes)
        Which classes reach their threshold; with several labels an item, its labels.
    label : int32 array of shape (n_items,)
        Index of the class, -1 for none. With several labels an item the flag with the largest p / t.
    decision : int8 array of shape (n_items,)
        Index into `DECISIONS`.
    top : int32 array of shape (n_items,)
        The most probable class, whatever the thresholds.
    """

    probabilities: Probabilities
    flags: npt.NDArray[np.bool_]
    label: npt.NDArray[np.int32]
    decision: npt.NDArray[np.int8]
    top: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.label)

    def categories(self, n_classes: int) -> npt.NDArray[np.int32]:
        """Return what is watched of each item: its most probable class, `n_classes` where no class passes."""
        return np.where(self.decision == NO_CLASS_PASSES, np.int32(n_classes), self.top)

    def counts(self, n_classes: int) -> Counts:
        """Return items per most probable class and decision, shape (n_classes, len(DECISIONS))."""
        cells = self.top * len(DECISIONS) + self.decision
        return np.bincount(cells, minlength=n_classes * len(DECISIONS)).reshape(n_classes, len(DECISIONS))


def joined(parts: Sequence[Decisions]) -> Decisions:
    """Return what was decided about the items of all parts, of which there is at least one, in order."""
    if len(parts) == 1:
        return parts[0]
    return Decisions(
        _stacked([each.probabilities for each in parts]),
        _stacked([each.flags for each in parts]),
        _stacked([each.label for each in parts]),
        _stacked([each.decision for each in parts]),
        _stacked([each.top for each in parts]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Thresholds of all classes, in the bundle's order, and the rule that turns flags into an answer.

    Parameters
    ----------
    delta : float
        Confidence of each class's claim is 1 - delta.
    calibration_sha256 : str
        The calibration these thresholds were fitted on; with another one they mean nothing.
    ambiguous_ratio : float, optional
        The label is `ambiguous` when the second p / t exceeds this share of the first.
    rarity : tuple of int
        Class indices, the rarest first.
    task : str
        `multilabel` has no rule but the flags.
    rule : str
        Which of the rules above makes the label.
    costs : Costs, optional
        Exactly with the rule `costs`; of the same classes in the same order.
    priority : tuple of str
        Exactly with the rule `priority`: classes, the first that is flagged is the label.
    require_one : bool
        Only with several labels an item: one without any is for review.
    """

    classes: tuple[str, ...]
    thresholds: tuple[ClassThreshold, ...]
    delta: float
    calibration_sha256: str
    ambiguous_ratio: float | None = None
    rarity: tuple[int, ...] = ()
    task: Task = "multiclass"
    rule: Rule = "ratio"
    costs: Costs | None = None
    priority: tuple[str, ...] = ()
    require_one: bool = False
    _thresholds: Float32s = field(init=False, repr=False)
    _divisors: Float32s = field(init=False, repr=False)
    _rarity: npt.NDArray[np.intp] = field(init=False, repr=False)
    _priority: npt.NDArray[np.intp] = field(init=False, repr=False)
    _review_from: Float32s | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check that everything is about the same classes and lay out the arrays `decide` reads."""
        rarity = self.rarity or tuple(range(len(self.classes)))
        self._check_classes(rarity)
        self._check_thresholds()
        self._check_numbers()
        self._check_rule()
        thresholds = np.array([t.threshold for t in self.thresholds], dtype=np.float32)
        priority = [self.classes.index(name) for name in self.priority]
        object.__setattr__(self, "rarity", rarity)
        object.__setattr__(self, "_thresholds", thresholds)
        object.__setattr__(self, "_divisors", np.maximum(thresholds, _SMALLEST))
        object.__setattr__(self, "_rarity", np.array(rarity, dtype=np.intp))
        object.__setattr__(self, "_priority", np.array(priority, dtype=np.intp))
        object.__setattr__(self, "_review_from", self._lower_thresholds())

    def _lower_thresholds(self) -> Float32s | None:
        """Return from where each class's items are for review; its threshold for a class that has no band."""
        if all(t.review_from is None for t in self.thresholds):
            return None
        lower = [t.threshold if t.review_from is None else t.review_from for t in self.thresholds]
        return np.array(lower, dtype=np.float32)

    def _check_classes(self, rarity: tuple[int, ...]) -> None:
        named = tuple(t.class_name for t in self.thresholds)
        if named != self.classes:
            raise ValueError(
                f"policy thresholds are for {', '.join(named)}; expected {', '.join(self.classes)}"
            )
        if sorted(rarity) != list(range(len(self.classes))):
            raise ValueError(f"policy rarity: expected every index below {len(self.classes)} once")
        if unknown := [name for name in self.priority if name not in self.classes]:
            raise ValueError(f"policy priority: {unknown[0]!r} is not among {', '.join(self.classes)}")
        if len(set(self.priority)) < len(self.priority):
            raise ValueError("policy priority: expected every class at most once")
        if self.costs is not None and self.costs.classes != self.classes:
            raise ValueError(
                f"policy costs are for {', '.join(self.costs.classes)}; expected {', '.join(self.classes)}"
            )

    def _check_thresholds(self) -> None:
        for t in self.thresholds:
            if not _is_float32_ratio(t.threshold):
                raise ValueError(
                    f"threshold of {t.class_name!r} is {t.threshold!r}; expected a float32 in [0, 1]"
                )
            low = t.review_from
            if low is not None and not (_is_float32_ratio(low) and low < t.threshold):
                raise ValueError(
                    f"review_from of {t.class_name!r} is {low!r}; expected a float32 from 0 to below its "
                    f"threshold {t.threshold!r}"
                )

    def _check_numbers(self) -> None:
        if not 0 < self.delta <= 0.5:
            raise ValueError(f"policy delta {self.delta!r}: expected a probability in (0, 0.5]")
        if self.ambiguous_ratio is not None and not 0 < self.ambiguous_ratio < 1:
            raise ValueError(
                f"policy ambiguous_ratio {self.ambiguous_ratio!r}: expected a ratio in (0, 1) or null"
            )
        if not re.fullmatch(r"[0-9a-f]{64}", self.calibration_sha256):
            raise ValueError(f"policy calibration_sha256 {self.calibration_sha256!r}: expected 64 hex digits")

    def _check_rule(self) -> None:
        for name, value, allowed in (
            ("task", self.task, get_args(Task)),
            ("rule", self.rule, get_args(Rule)),
        ):
            if value not in allowed:
                raise ValueError(f"policy {name} {value!r}: expected one of {', '.join(allowed)}")
        if (self.costs is not None) != (self.rule == "costs"):
            raise ValueError(f"policy costs: expected exactly with the rule costs; the rule is {self.rule}")
        if bool(self.priority) != (self.rule == "priority"):
            raise ValueError(
                f"policy priority: expected exactly with the rule priority; the rule is {self.rule}"
            )
        if self.task == "multilabel" and (self.rule != "ratio" or self.ambiguous_ratio is not None):
            raise ValueError(
                "policy rule: with several labels an item the flags are the answer; expected the rule ratio "
                "and ambiguous_ratio null"
            )
        if self.require_one and self.task != "multilabel":
            raise ValueError("policy require_one: expected only with several labels an item")

    def decide(self, probabilities: Probabilities) -> Decisions:
        """Decide every row on its own; `probabilities` is float32 of shape (n_items, n_classes)."""
        flags = probabilities >= self._thresholds
        if self.costs is None:
            label, decision = self._by_ratio(probabilities, flags)
        else:
            label, decision = self._by_costs(self.costs, probabilities)
        if self._review_from is not None:
            between = (probabilities >= self._review_from) & ~flags
            decision[np.logical_or.reduce(between, axis=1)] = ABSTAINED
        return Decisions(probabilities, flags, label, decision, probabilities.argmax(axis=1).astype(np.int32))

    def _by_ratio(
        self, probabilities: Probabilities, flags: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
        ratios = np.where(flags, probabilities / self._divisors, _UNFLAGGED)
        by_rarity = ratios.take(self._rarity, axis=1)  # argmax takes the first of equals: the rarest
        label = self._rarity.take(by_rarity.argmax(axis=1)).astype(np.int32)
        flagged = np.logical_or.reduce(flags, axis=1)
        if not flagged.all():
            label[~flagged] = NO_LABEL
        decision: npt.NDArray[np.int8] = _DECISION_OF[flagged.view(np.int8)]
        if self.ambiguous_ratio is not None:
            decision[_second_is_close(ratios, self.ambiguous_ratio)] = AMBIGUOUS
        if len(self._priority):
            listed = flags.take(self._priority, axis=1)
            first = np.logical_or.reduce(listed, axis=1)
            label[first] = self._priority.take(listed.argmax(axis=1))[first]
            decision[first] = ACCEPTED
        return label, decision

    def _by_costs(
        self, costs: Costs, probabilities: Probabilities
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
        label, cost = costs.bayes(probabilities, self._rarity)
        decision = np.full(len(label), ACCEPTED, dtype=np.int8)
        if costs.review is not None:
            decision[cost > np.float32(costs.review)] = ABSTAINED
        return label, decision

    def to_json(self) -> dict[str, Any]:
        """Return what policy.json holds."""
        return {
            "classes": list(self.classes),
            "task": self.task,
            "delta": self.delta,
            "calibration_sha256": self.calibration_sha256,
            "ambiguous_ratio": self.ambiguous_ratio,
            "rarity": list(self.rarity),
            "rule": self.rule,
            "costs": None if self.costs is None else self.costs.to_json(),
            "priority": list(self.priority),
            "require_one": self.require_one,
            "thresholds": [t.to_json() for t in self.thresholds],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read policy.json, also of format 1; a ValueError says what is missing or malformed."""
        if set(data) not in (_KEYS, _FORMAT_1):
            raise ValueError(f"policy keys {sorted(data)}: expected {sorted(_KEYS)}")
        try:
            delta = float(data["delta"])
            thresholds = tuple(ClassThreshold.from_json(t, delta=delta) for t in data["thresholds"])
        except (KeyError, TypeError, AttributeError, TargetError) as error:
            raise ValueError(f"policy thresholds: malformed ({error!r})") from error
        classes = tuple(data["classes"])
        task = "binary" if len(classes) == 2 else "multiclass"
        costs = data.get("costs")
        return cls(
            classes=classes,
            thresholds=thresholds,
            delta=float(data["delta"]),
            calibration_sha256=data["calibration_sha256"],
            ambiguous_ratio=data["ambiguous_ratio"],
            rarity=tuple(data["rarity"]),
            task=data.get("task", task),
            rule=data.get("rule", "ratio"),
            costs=None if costs is None else Costs.from_json(costs, classes),
            priority=tuple(data.get("priority", ())),
            require_one=_boolean("require_one", data.get("require_one", False)),
        )


def _stacked(parts: Sequence[Any]) -> npt.NDArray[Any]:
    """Return the rows of all parts, in order: as `np.concatenate`, in half its time for single rows."""
    first = parts[0]
    try:
        content = b"".join(parts)
    except TypeError:  # rows that do not lie one after the other
        return np.concatenate(parts)
    return np.frombuffer(content, first.dtype).reshape(-1, *first.shape[1:])


def _is_float32_ratio(value: float) -> bool:
    return 0 <= value <= 1 and float(np.float32(value)) == value


def _boolean(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"policy {key} {value!r}: expected true or false")
    return value


def _second_is_close(ratios: Float32s, ambiguous_ratio: float) -> npt.NDArray[np.bool_]:
    """Return whether the second largest flagged ratio exceeds its share of the largest, per row."""
    if ratios.shape[1] < 2:
        return np.zeros(len(ratios), dtype=np.bool_)
    two = np.partition(ratios, -2, axis=1)[:, -2:]
    close: npt.NDArray[np.bool_] = (two[:, 0] > 0) & (two[:, 0] > np.float32(ambiguous_ratio) * two[:, 1])
    return close
