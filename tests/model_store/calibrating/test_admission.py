"""Tests of `model_store.calibrating.admission`."""

import numpy as np
import pytest

from model_store.calibrating.admission import Evidence, admit, admit_label, least, summary


def rows_of(counts: list[int]) -> Evidence:
    """Return so many rows of each class, none like another."""
    return Evidence.of(np.repeat(np.arange(len(counts)), counts), len(counts))


@pytest.mark.parametrize(
    ("counts", "methods"),
    [
        ([4, 4], ("identity",)),
        ([19, 500], ("identity", "temperature")),
        ([20, 500], ("identity", "temperature", "platt", "beta")),
        ([1_000, 1_000], ("identity", "temperature", "platt", "beta", "isotonic")),
        ([4, 500, 500], ("identity", "temperature")),
        ([5, 500, 500], ("identity", "temperature", "bcts")),
        ([20, 500, 500], ("identity", "temperature", "bcts", "vector", "platt", "beta")),
        ([1_000] * 3, ("identity", "temperature", "bcts", "vector", "platt", "beta", "isotonic")),
        ([2_000] * 20, ("identity", "temperature", "bcts", "vector", "platt", "beta", "isotonic")),
        ([2_000] * 21, ("identity", "temperature", "bcts")),
    ],
)
def test_the_smallest_class_and_the_number_of_classes_decide(counts: list[int], methods: tuple[str, ...]):
    """Methods come with their fewest parameters first."""
    admitted, excluded = admit(rows_of(counts), [str(k) for k in range(len(counts))])
    assert admitted == methods
    assert not set(admitted) & set(excluded)


def test_the_reason_names_the_class_what_it_has_and_what_it_needs():
    """Methods that lack the same share one sentence."""
    _, excluded = admit(rows_of([7, 300, 93]), ["fraud", "ham", "spam"])
    assert list(summary(excluded)) == [
        "vector, platt, beta not tried: class 'fraud' has 7 positives, 20 needed",
        "isotonic not tried: class 'fraud' has 7 positives, 1,000 needed",
    ]


def test_a_label_that_nearly_every_item_has_lacks_negatives():
    """The smaller side counts."""
    admitted, excluded = admit_label(rows_of([5, 395]).of_class(1), "any")
    assert admitted == ("identity", "temperature")
    assert excluded["platt"] == "label 'any' has 5 negatives, 20 needed"


def test_a_tie_goes_to_fewer_parameters():
    """A tenth of a percent of the loss is noise; more is not."""
    assert least({"identity": 0.30015, "temperature": 0.3, "beta": 0.2999}) == "identity"
    assert least({"identity": 0.3006, "temperature": 0.3, "beta": 0.2999}) == "temperature"


def test_texts_that_repeat_count_once():
    """Twenty positives that are two texts admit no slope; twenty that are twenty do."""
    labels = np.repeat([0, 1], [20, 500])
    two_texts = np.r_[np.arange(20) % 2, 2 + np.arange(500)]
    names, rows = ["fraud", "rest"], Evidence.of(labels, 2)
    admitted, excluded = admit(rows, names, Evidence.of(labels, 2, two_texts))
    assert admitted == ("identity", "temperature")
    assert excluded["platt"] == "class 'fraud' has 2 groups of positives, 20 needed"
    assert "platt" in admit(rows, names, Evidence.of(labels, 2, np.arange(520)))[0]


@pytest.mark.parametrize(
    ("texts", "why"),
    [(1, "class 'a' has 1 group of positives, 2 needed"), (2, None), (5, None)],
)
def test_a_bias_takes_five_rows_that_are_not_all_one_text(texts: int, why: str | None):
    """It is regularised, so repeats do no harm; but what fits a fold must have seen the class."""
    labels = np.repeat([0, 1, 2], [5, 100, 100])
    groups = np.r_[np.arange(5) % texts, 5 + np.arange(200)]
    _, excluded = admit(Evidence.of(labels, 3), ["a", "b", "c"], Evidence.of(labels, 3, groups))
    assert excluded.get("bcts") == why
    assert (
        admit(Evidence.of(labels[1:], 3), ["a", "b", "c"])[1]["bcts"] == "class 'a' has 4 positives, 5 needed"
    )


def test_rows_of_their_own_groups_are_counted_as_rows():
    """Groups of one row say nothing, whatever their numbers; a text of both classes counts for both."""
    labels = np.array([0, 0, 1, 1, 2])
    alone, usual = Evidence.of(labels, 3, np.array([9, 4, 7, 1, 3])), Evidence.of(labels, 3)
    assert (alone.total, alone.grouped) == (usual.total, usual.grouped) == (5, False)
    assert alone.positives.tolist() == usual.positives.tolist() == [2, 2, 1]
    mixed = Evidence.of(labels, 3, np.array([0, 1, 1, 1, 2]))
    assert (mixed.positives.tolist(), mixed.negatives.tolist()) == ([2, 1, 1], [2, 3, 2])
    assert (mixed.total, mixed.grouped) == (3, True)
