"""Tests of `model_store.calibrating.admission`."""

import numpy as np
import pytest

from model_store.calibrating.admission import admit, admit_label, least, summary


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
    admitted, excluded = admit(np.array(counts), sum(counts), [str(k) for k in range(len(counts))])
    assert admitted == methods
    assert not set(admitted) & set(excluded)


def test_the_reason_names_the_class_what_it_has_and_what_it_needs():
    """Methods that lack the same share one sentence."""
    _, excluded = admit(np.array([7, 300, 93]), 400, ["fraud", "ham", "spam"])
    assert list(summary(excluded)) == [
        "vector, platt, beta not tried: class 'fraud' has 7 positives, 20 needed",
        "isotonic not tried: class 'fraud' has 7 positives, 1,000 needed",
    ]


def test_a_label_that_nearly_every_item_has_lacks_negatives():
    """The smaller side counts."""
    admitted, excluded = admit_label(395, 400, "any")
    assert admitted == ("identity", "temperature")
    assert excluded["platt"] == "label 'any' has 5 negatives, 20 needed"


def test_a_tie_goes_to_fewer_parameters():
    """A tenth of a percent of the loss is noise; more is not."""
    assert least({"identity": 0.30015, "temperature": 0.3, "beta": 0.2999}) == "identity"
    assert least({"identity": 0.3006, "temperature": 0.3, "beta": 0.2999}) == "temperature"
