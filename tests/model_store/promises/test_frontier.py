"""Tests of `model_store.promises.frontier`."""

import numpy as np

from tests.support.rare_class import rare, two_classes


def test_the_frontier_cannot_be_beaten():
    """No threshold with the recall has more precision, none with the precision more recall."""
    p, labels = two_classes(2_000, share=0.1, distance=1.5, seed=5)
    found = rare(p, labels, "rare:recall=0.85,precision=0.5")
    assert found.frontier is not None
    at_recall, at_precision = found.frontier
    positive = labels == 0
    for t in np.unique(p[:, 0]):
        flagged = p[:, 0] >= t
        hits, recall = int((flagged & positive).sum()), (flagged & positive).sum() / positive.sum()
        if flagged.sum() < 10:
            continue
        if recall >= 0.85:
            assert hits / flagged.sum() <= (at_recall.precision.estimate or 0) + 1e-12
        if hits / flagged.sum() >= 0.5:
            assert recall <= (at_precision.recall.estimate or 0) + 1e-12
