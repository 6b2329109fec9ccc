"""How far do labelers agree, class by class, and about which items do they not?

Two figures a class, for any number of labelers an item and any gaps. Its *agreement* is the chance that
another labeler of the item gives the class too when one did: the specific agreement of Cicchetti and
Feinstein (1990), which a rare class does not inflate as a plain share of equal answers is. Its *alpha* is
Krippendorff's (2011), 1 for perfect agreement and 0 for what chance alone would give.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from monitoring.waves.batches import Label
from monitoring.waves.labels import NONE_OF_THESE, LabelRow, last_words

# What each labeler of an item said, skips left out.
Answers: TypeAlias = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """How far labelers agree about a class; `given` is how often one of them gave it.

    `alpha` is None when all answers are alike in it: there is no chance agreement to correct for then.
    """

    name: str
    given: int
    agreement: float
    alpha: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far labelers agree about the items that at least two of them labelled.

    `equal` counts the items whose labelers all gave the same. `alpha` is over whole answers. `classes` are
    those given at all, the rest of the model's says nothing.
    """

    items: int
    equal: int
    alpha: float | None
    classes: tuple[ClassAgreement, ...]


def agreed(rows: Iterable[LabelRow]) -> bool:
    """Tell whether the last words of an item's labelers are equal, skips left out; one alone agrees."""
    return len(set(answers_of(rows))) <= 1


def answers_of(rows: Iterable[LabelRow]) -> Answers:
    """Return the last word of each labeler of an item as the set of its names; of none it is that name."""
    return tuple(_names(row.label) for row in last_words(rows) if not row.skipped)


def agreement_of(items: Iterable[Iterable[LabelRow]], classes: Sequence[str]) -> Agreement:
    """Return how far labelers agree.

    Parameters
    ----------
    items : iterable of iterable of LabelRow
        The annotations of each item, in order of arrival.
    classes : sequence of str
        The model's, in the order to name them in; `none_of_these` comes behind them.

    Examples
    --------
    >>> def row(label, who):
    ...     return LabelRow("a", label, f"{label} {who}", who)
    >>> found = agreement_of([[row("fraud", "ann"), row("fraud", "bo")],
    ...                       [row("fraud", "ann"), row("late", "bo")]], ["fraud", "late"])
    >>> found.items, found.equal, round(found.alpha, 3)
    (2, 1, 0.0)
    >>> [(each.name, each.given, round(each.agreement, 3)) for each in found.classes]
    [('fraud', 3, 0.667), ('late', 1, 0.0)]
    """
    compared = [answers for rows in items if len(answers := answers_of(rows)) > 1]
    return Agreement(
        items=len(compared),
        equal=sum(len(set(answers)) == 1 for answers in compared),
        alpha=krippendorff(compared),
        classes=tuple(
            found for name in (*classes, NONE_OF_THESE) if (found := _of_class(name, compared)) is not None
        ),
    )


def krippendorff(items: Iterable[Sequence[Hashable]]) -> float | None:
    """Return Krippendorff's alpha of nominal values; None without two values that could differ.

    Parameters
    ----------
    items : iterable of sequence
        The values given to each item, two or more. With n_v of m values being v, disagreement within an item
        is the sum over v of n_v (m - n_v) / (m - 1), expected it is the same over all values together.
        Source: Krippendorff (2011), Computing Krippendorff's alpha-reliability.
    """
    total: Counter[Hashable] = Counter()
    observed = 0.0
    for values in items:
        observed += _disagreement(Counter(values))
        total.update(values)
    expected = _disagreement(total)
    return 1 - observed / expected if expected else None


def _disagreement(counts: Mapping[Hashable, int]) -> float:
    n = sum(counts.values())
    return sum(k * (n - k) for k in counts.values()) / (n - 1) if n > 1 else 0.0


def _of_class(name: str, compared: Sequence[Answers]) -> ClassAgreement | None:
    marks = [[name in answer for answer in answers] for answers in compared]
    given = sum(map(sum, marks))
    if not given:
        return None
    again = sum(sum(each) * (sum(each) - 1) / (len(each) - 1) for each in marks)
    return ClassAgreement(name, given, again / given, krippendorff(marks))


def _names(label: Label | None) -> frozenset[str]:
    names = (label,) if isinstance(label, str) else label
    return frozenset(names or (NONE_OF_THESE,))
