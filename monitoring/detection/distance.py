"""How far is a window's mix from the baseline's, beyond what chance makes of equal mixes?"""

import math

import numpy as np

from monitoring.detection.comparison import Comparison, Scanned
from monitoring.scanning.spans import Floats


def net_distance(scanned: Scanned, comparison: Comparison, stream: str) -> float:
    """Return the total variation distance in the strongest window, less its mean under equal mixes.

    Half the sum of absolute differences of shares: the part of all items that would have to change their
    category. Each difference has a mean of sqrt(2 / pi) standard deviations when nothing changed, wider where
    traffic varies more than independent items. Flags are no mix; of those it is the largest distance of a
    single label.

    Returns
    -------
    float
        In [0, 1].
    """
    layout = comparison.layout
    kind = next(each.kind for each in layout.streams if each.name == stream)
    columns, window = layout.columns[stream], scanned.result.window
    counts, items = scanned.counts[window, columns], scanned.tested_items[window, columns]
    m = comparison.yardstick.items[columns]
    if not items.all() or not m.all():
        return 0.0
    # exposures move the expected shares with the season
    expected = comparison.yardstick.counts[columns] / m * scanned.items[window, columns] / items
    current = counts / items
    phi = comparison.inflation(columns, int(scanned.windows.lengths[window]))
    if kind == "cuts":
        phi = np.append(phi, phi[-1])
        current, expected = (np.diff(each, prepend=0.0, append=1.0) for each in (current, expected))
        items, m = np.append(items, items[-1]), np.append(m, m[-1])
    pooled = np.clip((current * items + expected * m) / (items + m), 0.0, 1.0)
    noise = math.sqrt(2.0 / math.pi) * np.sqrt(phi * pooled * (1.0 - pooled) * (1.0 / items + 1.0 / m))
    return _total(np.abs(current - expected), noise, is_mix=kind != "flags")


def _total(gaps: Floats, noise: Floats, *, is_mix: bool) -> float:
    net = (gaps.sum() - noise.sum()) / 2.0 if is_mix else (gaps - noise).max()
    return min(max(float(net), 0.0), 1.0)
