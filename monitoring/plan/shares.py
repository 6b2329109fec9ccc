"""How many items of a wave does each slice get, and how many each source?"""

import heapq
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import numpy as np

from monitoring.recording.candidate import EXPLORE_SHARE
from monitoring.waves.wave import NOVEL_SHARE, WATCHED_SHARE

RARE_SHARE: Final = 0.55  # by rules
# With rules: rare, spread, explore; with a model: rare, novel, uncertain, explore.
Slice: TypeAlias = Literal["rare", "spread", "novel", "uncertain", "explore"]
SLICES: Final[tuple[Slice, ...]] = ("rare", "spread", "novel", "uncertain", "explore")


def sizes(size: int, n_sources: int) -> dict[Slice, int]:
    """Return how many items each slice is asked for; exploration has at least one of each source."""
    explore = min(max(round(EXPLORE_SHARE * size), n_sources), size)
    rare = min(round(RARE_SHARE * size), size - explore)
    return {"rare": rare, "spread": size - rare - explore, "explore": explore}


def sizes_by_model(size: int, n_sources: int) -> dict[Slice, int]:
    """Return the same of a wave that a model chooses, see `monitoring.waves.wave`."""
    explore = sizes(size, n_sources)["explore"]
    rare = min(round(WATCHED_SHARE * size), size - explore)
    novel = min(round(NOVEL_SHARE * size), size - explore - rare)
    return {"rare": rare, "explore": explore, "novel": novel, "uncertain": size - explore - rare - novel}


def allocate(total: int, of: Mapping[str, int], limits: Mapping[str, int]) -> dict[str, int]:
    """Share `total` in proportion to `of`, at least 1 each while it lasts, none above its limit.

    Webster's method: the next one goes to the source with the most per 2 k + 1.

    Examples
    --------
    >>> allocate(10, {"app": 80, "mail": 19, "fax": 1}, {"app": 6, "mail": 19, "fax": 1})
    {'app': 6, 'mail': 3, 'fax': 1}
    """
    got = dict.fromkeys(of, 0)
    queue = [(-np.inf, -n, name) for name, n in of.items() if limits[name] > 0]
    heapq.heapify(queue)
    for _ in range(total):
        if not queue:
            break
        _, minus, name = heapq.heappop(queue)
        got[name] += 1
        if got[name] < limits[name]:
            heapq.heappush(queue, (minus / (2 * got[name] + 1), minus, name))
    return got


def source_quotas(size: int, of: Mapping[str, int], caps: Mapping[str, float]) -> dict[str, int]:
    """Return how many items each source gives; a cap is a share of `size`, and leaves one item at least."""
    limits = {name: min(n, max(int(caps.get(name, 1.0) * size + 1e-9), 1)) for name, n in of.items()}
    return allocate(size, of, limits)
