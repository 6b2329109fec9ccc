"""How soon should the service notice what the demo does to its traffic?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_store import Model
from monitoring.scanning.budget import RISE_SHARE
from monitoring.scanning.planning import items_to_detect
from service.cli.demo.errors import DemoError


def expected_items(
    model: Model,
    status: Mapping[str, Any],
    watched: str,
    share: float,
    factor: float,
    *,
    bucket_items: float,
    tolerance: float = 0.10,
) -> int:
    """Return `items_to_detect` for the predicted share of a class whose true share grows by `factor`.

    The detector sees predictions: false positives do not multiply, and missed items are not seen. How often
    each true class is predicted as the watched one comes from the bundle's validation rows.

    Raises
    ------
    DemoError
        Such a change cannot be noticed against this baseline.
    """
    classes = model.classes
    watched_index = classes.index(watched)
    confusion = model.bundle.reference.confusion.astype(np.float64)
    predicted = confusion[:, watched_index] / np.maximum(confusion.sum(axis=1), 1.0)
    others = np.where(np.arange(len(classes)) == watched_index, 0.0, model.bundle.reference.priors)
    rest = float(others @ predicted / others.sum())
    before = share * predicted[watched_index] + (1.0 - share) * rest
    after = share * factor * predicted[watched_index] + (1.0 - share * factor) * rest
    items = items_to_detect(
        before,
        after / before,
        threshold=status["threshold"],
        weight=RISE_SHARE / (len(classes) + 1),
        bucket_items=bucket_items,
        reference_items=status["baseline"]["items"],
        tolerance=tolerance,
    )
    if items is None:
        raise DemoError(
            f"{watched}: predicted share {before:.2%} would move to {after:.2%}, "
            f"too little to be noticed against {status['baseline']['items']} items"
        )
    return items
