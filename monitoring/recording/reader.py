"""What do the meters need of the items themselves, and which of them were seen before?"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from model_store.graphs.inputs import Input
from model_store.meters import Batch
from model_store.readings import Reading
from monitoring.recording.observed import Observed
from monitoring.recording.repeats import Deduplicate, Repeats, marks_of


class Reader:
    """Reads items and remembers which it has seen; what fails is missing, and the meters of it will fail."""

    __slots__ = ("_by", "_readings", "_repeats")

    def __init__(self, readings: Sequence[Reading], *, deduplicate: Deduplicate) -> None:
        self._readings = tuple(readings)
        self._by: Deduplicate = deduplicate
        self._repeats = Repeats()

    def begin_epoch(self) -> None:
        """Forget which items were seen."""
        self._repeats.reset()

    def read(self, observed: Observed) -> Batch:
        """Return the items as the meters want them."""
        decisions = observed.decisions
        n, n_classes = decisions.probabilities.shape
        return Batch(
            decisions,
            scores=decisions.probabilities.reshape(-1).take(np.arange(n) * n_classes + decisions.top),
            readings=self._numbers(observed.inputs),
            origins=None if self._by == "off" else self._origins(observed),
        )

    def _numbers(self, inputs: Sequence[Input]) -> dict[str, npt.NDArray[np.float64]]:
        numbers = {}
        for reading in self._readings:
            with suppress(Exception):  # the observer boundary
                numbers[reading.name] = np.array(reading.read(inputs), np.float64)
        return numbers

    def _origins(self, observed: Observed) -> npt.NDArray[np.int8] | None:
        with suppress(Exception):  # the observer boundary
            marks = marks_of(observed.ids, observed.inputs, by=self._by)
            return np.array(self._repeats.origins(marks), np.int8)
        return None
