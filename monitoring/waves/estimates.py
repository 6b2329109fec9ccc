"""How often is each class right, missed and wrongly found in the traffic, by the labels that came back?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from model_store.policy import Policy
from monitoring.waves.batches import Batch

RECALL_LABELS: Final = 150


@dataclass(frozen=True, slots=True)
class Estimates:
    """What explored labels say of the traffic and of a model's answers to it."""

    body: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it as the service shows it."""
        raise NotImplementedError


def estimate(batches: Sequence[Batch], *, model_key: str, policy: Policy) -> Estimates:
    """Estimate prevalence, recall, precision and F1 of every class from the explored items of batches."""
    raise NotImplementedError
