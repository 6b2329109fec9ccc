"""Which items have a settled label, and how many of those drawn have none?"""

from collections.abc import Collection

from monitoring.store.database import Database
from monitoring.waves.labelled import Drawn, LabelledItem


class LabelledTable:
    """Settled labels, for whoever estimates, trains or compares with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self, *, model_keys: Collection[str] | None = None, batch_ids: Collection[str] | None = None
    ) -> tuple[LabelledItem, ...]:
        """Return the labelled items by age of their batch, then rank; those of these models and batches."""
        raise NotImplementedError

    def drawn(
        self, *, model_keys: Collection[str] | None = None, batch_ids: Collection[str] | None = None
    ) -> tuple[Drawn, ...]:
        """Return how far the labeling of the exploration stratum is, by age of the batch, then source."""
        raise NotImplementedError
