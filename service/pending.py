"""Why tell the recorder about 512 items at once? Because numpy takes nearly as long for one.

Counting a request of one item costs 100 us beside the model, most of it the fixed price of some sixty small
array operations. Items that were decided one by one are therefore put together first, and passed on when 512
of them or a megabyte wait, or a second is over: 2 us an item, and the same counts.

While an epoch is young nearly every item enters a slot for labeling, at up to 100 us each: 512 at once would
let requests wait for 50 ms, once in ten minutes. So the first ones are passed on by sixteens, then by more.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.graphs.inputs import Input
from model_store.policy import Decisions, joined
from monitoring.recording.observed import Observed
from monitoring.recording.reservoir import OTHER_SOURCE
from service.schema import Item

ENOUGH_ITEMS: Final = 512
FEWEST_ITEMS: Final = 16
ENOUGH_BYTES: Final = 2**20


class Pending:
    """Decided items of one version that its recorder does not know of yet; the event loop owns it.

    Parameters
    ----------
    sources
        The declared ones, each to itself; every other counts as "other".
    """

    __slots__ = ("_kept", "_n_bytes", "_since", "_sources", "n_items")

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._kept: list[tuple[Sequence[Item], Sequence[Input], Decisions]] = []
        self._since = 0.0
        self._n_bytes = 0
        self.n_items = 0

    def add(
        self,
        items: Sequence[Item],
        inputs: Sequence[Input],
        decisions: Decisions,
        *,
        at: float,
        n_bytes: int,
        seen: int,
    ) -> bool:
        """Keep the items of one request, decided at `at`; return whether enough are kept to pass them on.

        Parameters
        ----------
        n_bytes : int
            The size of the request: long items are not kept by the hundred.
        seen : int
            Items that the recorder was told of in this epoch.
        """
        if not self._kept:
            self._since = at
            self._n_bytes = 0
        self._n_bytes += n_bytes
        self._kept.append((items, inputs, decisions))
        self.n_items += len(inputs)
        enough = min(max(seen // FEWEST_ITEMS, FEWEST_ITEMS), ENOUGH_ITEMS)
        return self.n_items >= enough or self._n_bytes >= ENOUGH_BYTES

    def take(self, priorities: npt.NDArray[np.float64]) -> Observed:
        """Return what is kept, as one request that arrived when the first of them did, and keep nothing.

        `priorities` is float64 of shape (n_items,), uniform in [0, 1).
        """
        kept, self._kept, self.n_items = self._kept, [], 0
        declared = self._sources
        return Observed(
            inputs=[each for _, inputs, _ in kept for each in inputs],
            ids=[item.id for items, _, _ in kept for item in items],
            sources=[
                declared.get(item.source or OTHER_SOURCE, OTHER_SOURCE)
                for items, _, _ in kept
                for item in items
            ],
            decisions=joined([decisions for _, _, decisions in kept]),
            arrived_at=self._since,
            priorities=priorities,
        )
