"""Why tell the recorder about 32 items at once? Because numpy takes as long for one.

Counting a request of one item costs 20 us beside the model, most of it the fixed price of some twenty small
array operations. Items that were decided one by one are therefore put together first, and passed on when 32
of them wait or a second is over: 4 us an item, and the same counts.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.graphs.inputs import Input
from model_store.policy import Decisions
from monitoring.observed import Observed
from monitoring.reservoir import OTHER_SOURCE
from service.schema import Item

ENOUGH_ITEMS: Final = 32


class Pending:
    """Decided items of one version that its recorder does not know of yet; the event loop owns it.

    Parameters
    ----------
    sources
        The declared ones, each to itself; every other counts as "other".
    """

    __slots__ = ("_kept", "_since", "_sources", "n_items")

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._kept: list[tuple[Sequence[Item], Sequence[Input], Decisions]] = []
        self._since = 0.0
        self.n_items = 0

    def add(self, items: Sequence[Item], inputs: Sequence[Input], decisions: Decisions, *, at: float) -> bool:
        """Keep the items of one request, decided at `at`; return whether enough are kept to pass them on."""
        if not self._kept:
            self._since = at
        self._kept.append((items, inputs, decisions))
        self.n_items += len(inputs)
        return self.n_items >= ENOUGH_ITEMS

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
            decisions=_joined([decisions for _, _, decisions in kept]),
            arrived_at=self._since,
            priorities=priorities,
        )


def _joined(decisions: Sequence[Decisions]) -> Decisions:
    if len(decisions) == 1:
        return decisions[0]
    return Decisions(
        np.concatenate([each.probabilities for each in decisions]),
        np.concatenate([each.flags for each in decisions]),
        np.concatenate([each.label for each in decisions]),
        np.concatenate([each.decision for each in decisions]),
        np.concatenate([each.top for each in decisions]),
    )
