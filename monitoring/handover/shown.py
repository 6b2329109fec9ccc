"""What does a labeling tool show of an item: its text, and where it leads nobody what the model said?"""

import json
from dataclasses import dataclass

from monitoring.handover.record import features
from monitoring.waves.batches import Batch, BatchItem


@dataclass(frozen=True, slots=True)
class Prediction:
    """The names the model answered with, and the probability of each."""

    names: tuple[str, ...]
    scores: tuple[float, ...]


def shown(batch: Batch, item: BatchItem) -> str:
    """Return the text, of a row of a table a line `name: value` a feature, "" where none is kept."""
    row = features(batch, item)
    if row is None:
        return item.text or ""
    return "\n".join(f"{name}: {_said(value)}" for name, value in row.items())


def prediction(batch: Batch, item: BatchItem) -> Prediction | None:
    """Return what the model answered, None where it had no answer and for every item that was drawn.

    The labels of the exploration stratum, whatever their slice, must owe nothing to the model.
    """
    names = (item.predicted,) if isinstance(item.predicted, str) else item.predicted
    if not names or item.stratum == "exploration":
        return None
    return Prediction(names, tuple(item.probabilities[batch.classes.index(name)] for name in names))


def _said(value: object) -> str:
    # A second line that began at the margin would look like another feature.
    return value.replace("\n", "\n  ") if isinstance(value, str) else json.dumps(value)
