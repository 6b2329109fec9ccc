"""How much of what the demo does to its traffic can the service see?"""

import numpy as np

from model_store import Model


def predicted_ratio(model: Model, watched: str, share: float, factor: float) -> float:
    """Return by what factor the predicted share of a class grows when its true share grows by `factor`.

    The detector sees predictions: false positives do not multiply, and missed items are not seen. How often
    each true class is predicted as the watched one comes from the bundle's validation rows.
    """
    at = model.classes.index(watched)
    confusion = model.bundle.reference.confusion.astype(np.float64)
    predicted = confusion[:, at] / np.maximum(confusion.sum(axis=1), 1.0)
    others = np.where(np.arange(len(model.classes)) == at, 0.0, model.bundle.reference.priors)
    rest = float(others @ predicted / others.sum())
    before, after = (part * predicted[at] + (1.0 - part) * rest for part in (share, min(share * factor, 1.0)))
    return float(after / before)
