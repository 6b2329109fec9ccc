"""Policy: which class, if any, is an item called, given its calibrated probabilities?

A class is *flagged* when its probability reaches its threshold; the guarantees of the thresholds are about
flags. Of the flagged classes the label is the one with the largest p / t, ties to the rarer class. No flag:
`no_class_passes`. A close second, where the owner asks for it: `ambiguous`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibration import Float32s, Probabilities
from model_store.errors import TargetError
from model_store.thresholds import ClassThreshold

NO_CLASS: Final = "no_class_passes"
DECISIONS: Final = ("accepted", "ambiguous", NO_CLASS)
ACCEPTED: Final = 0
AMBIGUOUS: Final = 1
NO_CLASS_PASSES: Final = 2
NO_LABEL: Final = -1

Counts: TypeAlias = npt.NDArray[np.int64]  # (n_classes, len(DECISIONS))

# Where a threshold is 0 every ratio is infinite; the smallest normal float32 keeps them ordered by p.
_SMALLEST: Final = np.float32(np.finfo(np.float32).tiny)
_UNFLAGGED: Final = np.float32(-1.0)
# Indexed by whether a row is flagged: a take is a third of the time of np.where and a cast.
_DECISION_OF: Final = np.array([NO_CLASS_PASSES, ACCEPTED], dtype=np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What was decided about n items.

    Parameters
    ----------
    probabilities : float32 array of shape (n_items, n_classes)
        Calibrated.
    flags : bool array of shape (n_items, n_classes)
        Which classes reach their threshold.
    label : int32 array of shape (n_items,)
        Index of the class, -1 for none.
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
        """Return items per most probable class and decision, shape (n_classes, 3)."""
        cells = self.top * len(DECISIONS) + self.decision
        return np.bincount(cells, minlength=n_classes * len(DECISIONS)).reshape(n_classes, len(DECISIONS))


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Thresholds of all classes, in the bundle's order, and the rule that turns flags into one label.

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
    """

    classes: tuple[str, ...]
    thresholds: tuple[ClassThreshold, ...]
    delta: float
    calibration_sha256: str
    ambiguous_ratio: float | None = None
    rarity: tuple[int, ...] = ()
    _thresholds: Float32s = field(init=False, repr=False)
    _divisors: Float32s = field(init=False, repr=False)
    _rarity: npt.NDArray[np.intp] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check that everything is about the same classes and lay out the arrays `decide` reads."""
        rarity = self.rarity or tuple(range(len(self.classes)))
        self._check(rarity)
        thresholds = np.array([t.threshold for t in self.thresholds], dtype=np.float32)
        object.__setattr__(self, "rarity", rarity)
        object.__setattr__(self, "_thresholds", thresholds)
        object.__setattr__(self, "_divisors", np.maximum(thresholds, _SMALLEST))
        object.__setattr__(self, "_rarity", np.array(rarity, dtype=np.intp))

    def _check(self, rarity: tuple[int, ...]) -> None:
        named = tuple(t.class_name for t in self.thresholds)
        if named != self.classes:
            raise ValueError(
                f"policy thresholds are for {', '.join(named)}; expected {', '.join(self.classes)}"
            )
        if sorted(rarity) != list(range(len(self.classes))):
            raise ValueError(f"policy rarity: expected every index below {len(self.classes)} once")
        for t in self.thresholds:
            if not 0 <= t.threshold <= 1 or float(np.float32(t.threshold)) != t.threshold:
                raise ValueError(
                    f"threshold of {t.class_name!r} is {t.threshold!r}; expected a float32 in [0, 1]"
                )
        if not 0 < self.delta <= 0.5:
            raise ValueError(f"policy delta {self.delta!r}: expected a probability in (0, 0.5]")
        if self.ambiguous_ratio is not None and not 0 < self.ambiguous_ratio < 1:
            raise ValueError(
                f"policy ambiguous_ratio {self.ambiguous_ratio!r}: expected a ratio in (0, 1) or null"
            )
        if not re.fullmatch(r"[0-9a-f]{64}", self.calibration_sha256):
            raise ValueError(f"policy calibration_sha256 {self.calibration_sha256!r}: expected 64 hex digits")

    def decide(self, probabilities: Probabilities) -> Decisions:
        """Decide every row on its own; `probabilities` is float32 of shape (n_items, n_classes)."""
        flags = probabilities >= self._thresholds
        ratios = np.where(flags, probabilities / self._divisors, _UNFLAGGED)
        by_rarity = ratios.take(self._rarity, axis=1)  # argmax takes the first of equals: the rarest
        label = self._rarity.take(by_rarity.argmax(axis=1)).astype(np.int32)
        flagged = np.logical_or.reduce(flags, axis=1)
        if not flagged.all():
            label[~flagged] = NO_LABEL
        decision: npt.NDArray[np.int8] = _DECISION_OF[flagged.view(np.int8)]
        if self.ambiguous_ratio is not None:
            decision[_second_is_close(ratios, self.ambiguous_ratio)] = AMBIGUOUS
        return Decisions(probabilities, flags, label, decision, probabilities.argmax(axis=1).astype(np.int32))

    def to_json(self) -> dict[str, Any]:
        """Return what policy.json holds."""
        return {
            "classes": list(self.classes),
            "delta": self.delta,
            "calibration_sha256": self.calibration_sha256,
            "ambiguous_ratio": self.ambiguous_ratio,
            "rarity": list(self.rarity),
            "thresholds": [t.to_json() for t in self.thresholds],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read policy.json; a ValueError says what is missing or malformed."""
        expected = {"classes", "delta", "calibration_sha256", "ambiguous_ratio", "rarity", "thresholds"}
        if set(data) != expected:
            raise ValueError(f"policy keys {sorted(data)}: expected {sorted(expected)}")
        try:
            thresholds = tuple(ClassThreshold.from_json(t) for t in data["thresholds"])
        except (KeyError, TypeError, AttributeError, TargetError) as error:
            raise ValueError(f"policy thresholds: malformed ({error!r})") from error
        return cls(
            classes=tuple(data["classes"]),
            thresholds=thresholds,
            delta=float(data["delta"]),
            calibration_sha256=data["calibration_sha256"],
            ambiguous_ratio=data["ambiguous_ratio"],
            rarity=tuple(data["rarity"]),
        )


def _second_is_close(ratios: Float32s, ambiguous_ratio: float) -> npt.NDArray[np.bool_]:
    """Return whether the second largest flagged ratio exceeds its share of the largest, per row."""
    if ratios.shape[1] < 2:
        return np.zeros(len(ratios), dtype=np.bool_)
    two = np.partition(ratios, -2, axis=1)[:, -2:]
    close: npt.NDArray[np.bool_] = (two[:, 0] > 0) & (two[:, 0] > np.float32(ambiguous_ratio) * two[:, 1])
    return close
