"""Targets: what does the owner of a model ask of each class, and can it be asked at all?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from model_store.errors import TargetError

Priority: TypeAlias = Literal["recall_first", "precision_first", "abstain"]

DEFAULT_RECALL: Final = 0.8
# A class that is more likely than all others together passes unless its owner asked for something else.
EVEN_ODDS: Final = 0.5
DEFAULT_DELTA: Final = 0.1

_GRAMMAR: Final = (
    "expected CLASS:recall=R, CLASS:precision=P or both with a comma, "
    "then as needed confidence=C, priority=recall_first|precision_first|abstain, certify=true"
)
# What a target of 1 is answered with: the highest that somebody has the rows for.
_NEAR_ONE: Final = (0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Target:
    """What the owner of a model asks of one class; `recall`, `precision` or both are set.

    Parameters
    ----------
    confidence : float, optional
        That of this class's claim, 1 - delta; None takes what holds for all classes.
    priority : str
        What to act on where recall and precision cannot both be had: keep the recall, keep the precision, or
        `abstain`: keep both with two thresholds and leave what lies between them to people.
    certify : bool
        Prove the precision (fixed-sequence testing) where without it a pointwise bound would do. A recall is
        always proved.
    """

    class_name: str
    recall: float | None = None
    precision: float | None = None
    confidence: float | None = None
    priority: Priority = "recall_first"
    certify: bool = False

    def __post_init__(self) -> None:
        """Refuse what no threshold can be fitted to."""
        if self.recall is None and self.precision is None:
            raise TargetError(f"{self._who}: expected recall=, precision= or both")
        if self.confidence is not None:
            _check_number(self._who, "confidence", self.confidence)
            if not 0.5 <= self.confidence < 1:
                raise TargetError(
                    f"{self._who}: confidence {self.confidence:g} is not in [0.5, 1); write it as 0.9"
                )
        for what, value in (("recall", self.recall), ("precision", self.precision)):
            if value is not None:
                _check_ratio(self._who, what, value, self.delta(DEFAULT_DELTA))
        self._check_priority()
        if not isinstance(self.certify, bool):
            raise TargetError(f"{self._who}: certify {self.certify!r}: expected true or false")

    def _check_priority(self) -> None:
        if self.priority not in get_args(Priority):
            allowed = ", ".join(get_args(Priority))
            raise TargetError(f"{self._who}: priority {self.priority!r}: expected one of {allowed}")
        if self.priority == "precision_first" and self.precision is None:
            raise TargetError(f"{self._who}: priority precision_first needs a precision; add precision=P")
        if self.priority == "abstain" and (self.recall is None or self.precision is None):
            missing = "recall=R" if self.recall is None else "precision=P"
            raise TargetError(f"{self._who}: priority abstain needs a recall and a precision; add {missing}")

    @property
    def _who(self) -> str:
        return f"target for {self.class_name!r}"

    def delta(self, default: float) -> float:
        """Return how often this class's claim may fail: its own confidence decides before `default`."""
        return default if self.confidence is None else round(1 - self.confidence, 12)

    def __str__(self) -> str:
        """Return what `parse_target` reads as this target."""
        numbers = (("recall", self.recall), ("precision", self.precision), ("confidence", self.confidence))
        asked = [f"{what}={float(value)!r}" for what, value in numbers if value is not None]
        if self.priority != "recall_first":
            asked.append(f"priority={self.priority}")
        if self.certify:
            asked.append("certify=true")
        return f"{self.class_name}:{','.join(asked)}"


def parse_target(text: str) -> Target:
    """Read `CLASS:recall=R,precision=P,confidence=C,priority=WORD,certify=true`; one of the first two is due.

    Raises
    ------
    TargetError
        In one line: what was read and what is expected.

    Examples
    --------
    >>> parse_target("hate:recall=0.85,precision=0.6,priority=abstain").priority
    'abstain'
    """
    class_name, colon, asked = text.rpartition(":")
    if not colon or not class_name.strip():
        raise TargetError(f"target {text!r}: {_GRAMMAR}")
    words = _words(text, asked)
    numbers = {
        what: _number(text, what, words[what])
        for what in ("recall", "precision", "confidence")
        if what in words
    }
    return Target(
        class_name.strip(),
        **numbers,
        priority=words.get("priority", "recall_first"),  # type: ignore[arg-type]
        certify=_truth(text, words.get("certify", "false")),
    )


def n_min(ratio: float, delta: float) -> int:
    """Return how many successes without one miss it takes to claim `ratio` with confidence 1 - delta.

    Examples
    --------
    >>> n_min(0.85, 0.1)
    15
    """
    # .5 ** 2 is .25 in exact arithmetic: rounding of the logarithms must not ask for a third.
    return max(math.ceil(math.log(delta) / math.log(ratio) - 1e-9), 1)


def check_delta(delta: float) -> None:
    """Refuse a confidence 1 - delta below one half."""
    if not 0 < delta <= 0.5:
        raise TargetError(f"delta {delta!r}: expected a probability in (0, 0.5]")


def check_targets(targets: Sequence[Target], classes: Sequence[str]) -> dict[str, Target]:
    """Return the target of every class, defaults filled in; a TargetError names what does not fit."""
    asked = {name: Target(name, recall=DEFAULT_RECALL) for name in classes}
    seen: set[str] = set()
    for target in targets:
        if target.class_name not in asked:
            raise TargetError(f"target for unknown class {target.class_name!r}; {_listing(classes)}")
        if target.class_name in seen:
            raise TargetError(
                f"class {target.class_name!r} has two targets; give one, recall and precision together"
            )
        seen.add(target.class_name)
        asked[target.class_name] = target
    return asked


def class_deltas(asked: Mapping[str, Target], *, delta: float, joint: bool) -> dict[str, float]:
    """Return how often the claim of each class may fail.

    On its own each class has `delta`, or what its confidence leaves. With `joint` the deltas of all classes
    sum to `delta`, so that all claims together hold with confidence 1 - delta (Bonferroni): a class with a
    confidence takes its share first, the others part the rest equally.

    Raises
    ------
    TargetError
        For a delta out of range, or confidences that leave nothing to the others.

    Examples
    --------
    >>> two = {"a": Target("a", recall=0.8), "b": Target("b", recall=0.8)}
    >>> class_deltas(two, delta=0.1, joint=True)
    {'a': 0.05, 'b': 0.05}
    """
    check_delta(delta)
    if not joint:
        return {name: target.delta(delta) for name, target in asked.items()}
    own = {name: target.delta(delta) for name, target in asked.items() if target.confidence is not None}
    others, left = len(asked) - len(own), round(delta - math.fsum(own.values()), 12)
    if left < 0 or (others and left == 0):
        raise TargetError(
            f"joint claims at confidence {1 - delta:g}: the confidences of {', '.join(own)} use up "
            f"{math.fsum(own.values()):g} of {delta:g}; raise them or leave them out"
        )
    return {name: own.get(name, left / max(others, 1)) for name in asked}


def _words(text: str, asked: str) -> dict[str, str]:
    """Split `key=value,key=value`; a key that is unknown or comes twice is refused."""
    words: dict[str, str] = {}
    for part in asked.split(","):
        what, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or what not in ("recall", "precision", "confidence", "priority", "certify"):
            raise TargetError(f"target {text!r}: {what!r} is not understood; {_GRAMMAR}")
        if what in words:
            raise TargetError(f"target {text!r}: {what} is given twice; {_GRAMMAR}")
        words[what] = value
    return words


def _number(text: str, what: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise TargetError(f"target {text!r}: {what} {value!r} is not a number; write it as 0.85") from None


def _truth(text: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise TargetError(f"target {text!r}: certify {value!r}: expected true or false")
    return value == "true"


def _check_number(who: str, what: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
        raise TargetError(f"{who}: {what} {value!r} is not a number; write it as 0.85")


def _check_ratio(who: str, what: str, value: float, delta: float) -> None:
    _check_number(who, what, value)
    if value == 1:
        counted = "positives" if what == "recall" else "flagged items"
        takes = ", ".join(f"{near:g} takes {n_min(near, delta):,}" for near in _NEAR_ONE)
        raise TargetError(
            f"{who}: {what} 1 cannot be shown by any number of rows; ask for less: at confidence "
            f"{1 - delta:g} and without a miss {takes} {counted}"
        )
    if not 0 < value < 1:
        raise TargetError(f"{who}: {what} {value:g} is not between 0 and 1")


def _listing(classes: Sequence[str], *, most: int = 20) -> str:
    shown = ", ".join(classes[:most])
    more = f" and {len(classes) - most} more" if len(classes) > most else ""
    return f"the classes are {shown}{more}"
