"""Agreement of labelers, against published figures and by hand."""

import doctest
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.waves import agreement
from monitoring.waves.agreement import agreed, agreement_of, krippendorff
from monitoring.waves.labels import LabelRow

# Four coders, twelve units: Krippendorff (2011), section C, where the nominal alpha is .743.
CODERS = ("12332141 2...", "123322412 5.3", ".33323422 51.", "123324412 51.")


def item(*labels: str | tuple[str, ...] | None) -> list[LabelRow]:
    """Return the annotations of one item, each of another person; None skips."""
    return [
        LabelRow("a", label, str(place), f"person {place}", skipped=label is None)
        for place, label in enumerate(labels)
    ]


def test_the_example_ran() -> None:
    """What the docstring shows is what the code says."""
    assert doctest.testmod(agreement).failed == 0


def test_alpha_is_the_published_one() -> None:
    """With gaps, and a unit that only one coder judged."""
    rows = [each.replace(" ", "") for each in CODERS]
    units = [[row[at] for row in rows if row[at] != "."] for at in range(12)]
    assert krippendorff([unit for unit in units if len(unit) > 1]) == pytest.approx(0.743, abs=5e-4)


def test_two_labelers_and_a_rare_class() -> None:
    """By hand: fraud given 3 times, met once; the plain share of equal answers would flatter it."""
    items = [item("fraud", "fraud"), item("fraud", "other"), *[item("other", "other")] * 8]
    found = agreement_of(items, ("fraud", "other"))
    fraud, other = found.classes
    assert (found.items, found.equal) == (10, 9)
    assert (fraud.given, fraud.agreement) == (3, pytest.approx(2 / 3))
    assert (other.given, other.agreement) == (17, pytest.approx(16 / 17))
    # 2 of 20 values differ within items; 2 * 3 * 17 / 19 would by chance.
    assert fraud.alpha == other.alpha == found.alpha == pytest.approx(1 - 2 / (2 * 3 * 17 / 19))


def test_several_labels_an_item_are_compared_one_by_one() -> None:
    """Sets that share a name agree about it; none of them is an answer of its own."""
    found = agreement_of([item(("fraud", "late"), ("fraud",)), item((), ())], ("fraud", "late"))
    assert [(each.name, each.given, each.agreement) for each in found.classes] == [
        ("fraud", 2, 1.0),
        ("late", 1, 0.0),
        ("none_of_these", 2, 1.0),
    ]
    assert found.equal == 1


def test_skips_corrections_and_lone_labelers_are_not_compared() -> None:
    """The last word of each counts, an adjudication is nobody's word, a class never given is not named."""
    corrected = [
        LabelRow("a", "fraud", "1", "ann"),
        LabelRow("a", "fraud", "2", "bo"),
        LabelRow("a", "late", "3", "ann"),
        LabelRow("a", "fraud", "4", "cy", adjudicated=True),
    ]
    found = agreement_of([corrected, item("fraud"), item("fraud", None), []], ("fraud", "late", "lost"))
    assert (found.items, found.equal) == (1, 0)
    assert [each.name for each in found.classes] == ["fraud", "late"]
    assert not agreed(corrected)
    assert agreed(item("fraud", None))


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), max_size=12))
def test_alpha_is_at_most_one_and_one_only_without_disagreement(units: Sequence[Sequence[str]]) -> None:
    """It is undefined when every value is the same: chance would agree as well."""
    alpha = krippendorff(units)
    values = {value for unit in units for value in unit}
    assert (alpha is None) == (len(values) < 2)
    if alpha is not None:
        assert alpha <= 1
        assert (alpha == 1) == all(len(set(unit)) == 1 for unit in units)
