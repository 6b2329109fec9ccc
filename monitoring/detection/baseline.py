"""What is "no drift": a frozen stretch of live traffic, how it varied, and who declared it normal?

A labelled file is enriched for rare classes, so live traffic differs from a bundle's validation data on day
one. That is no drift: it is reported as a mismatch, and only a frozen baseline of live traffic can raise an
alarm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

import numpy as np

from monitoring.errors import BaselineRefused
from monitoring.scanning.bursts import Bursts
from monitoring.scanning.clumps import Clumps
from monitoring.scanning.dispersion import Dispersion
from monitoring.scanning.season import Season
from monitoring.scanning.streams import Layout
from monitoring.scanning.windows import Counts, Waves, WindowSet, as_counts

BaselineKind = Literal["provisional", "frozen"]

AUTOMATIC: Final = "automatic"
MINIMUM_ITEMS: Final = 500  # the smallest reference for which the false-alarm rate was measured


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Counts of live traffic that later traffic is compared with.

    Attributes
    ----------
    counts : int64 array of shape (width,)
        A raw row of all streams.
    items, buckets : int
        Items of the first stream, and the buckets with items they came from.
    start, end : float
        UTC seconds of the first and the last bucket's bounds.
    frozen_at, by, why
        Who froze it when and for what reason; None and empty while it is provisional.
    dispersion : Dispersion, optional
        How much more than independent items its buckets varied; None while it is provisional.
    season : Season, optional
        What of that is a season of the declared period.
    waves : float64 array of shape (n_waves,), optional
        Its items times the waves of the season, see `Layout.waves`.
    bursts : Bursts, optional
        By what a bucket is told that holds a burst; such buckets are not in the counts.
    clumps : Clumps, optional
        How long the clumps are that its variance does not allow.
    reading : str
        What the operator reads when it is too short; empty if it is long enough.
    """

    counts: Counts
    items: int
    buckets: int
    start: float
    end: float
    kind: BaselineKind
    frozen_at: float | None = None
    by: str = ""
    why: str = ""
    dispersion: Dispersion | None = None
    season: Season | None = None
    waves: Waves | None = None
    bursts: Bursts | None = None
    clumps: Clumps | None = None
    reading: str = ""

    @property
    def independent(self) -> bool:
        """Whether its counts were seen to vary as those of independent items do, without season or clumps."""
        if self.dispersion is None or not self.dispersion.measured_buckets or self.season is not None:
            return False
        return self.dispersion.independent and not (self.clumps is not None and self.clumps.any)

    def frozen(self, *, at: float, by: str, why: str) -> "Baseline":
        """Return this baseline frozen."""
        return replace(self, kind="frozen", frozen_at=at, by=by, why=why)

    def summary(self, layout: Layout) -> dict[str, Any]:
        """Return what people are shown, as JSON; `counts` are those of the first stream."""
        shown = ("items", "buckets", "start", "end", "kind", "frozen_at", "by", "why", "reading")
        return {
            "counts": self.counts[layout.raw[layout.streams[0].name]].tolist(),
            "inflation": self._inflation(layout.columns[layout.streams[0].name]),
            **{name: getattr(self, name) for name in shown},
            "dispersed": self.dispersion is not None and not self.dispersion.independent,
            "seasonal": self.season is not None,
        }

    def _inflation(self, columns: slice) -> list[float] | None:
        """Return the variance of the columns' counts over that of independent items; None if not known."""
        if self.dispersion is None:
            return None
        whole = self.dispersion.at(np.array([self.buckets], dtype=np.int64))
        inflation: list[float] = whole.reference[columns].tolist()
        return inflation

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "counts": self.counts.tolist(),
            "dispersion": None if self.dispersion is None else self.dispersion.to_json(),
            "season": None if self.season is None else self.season.to_json(),
            "bursts": None if self.bursts is None else self.bursts.to_json(),
            "clumps": None if self.clumps is None else self.clumps.to_json(),
            "waves": None if self.waves is None else self.waves.tolist(),
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        dispersion, season, waves = (snapshot.get(name) for name in ("dispersion", "season", "waves"))
        bursts, clumps = snapshot.get("bursts"), snapshot.get("clumps")
        arrays = {
            "counts": as_counts(snapshot["counts"], len(snapshot["counts"])),
            "dispersion": None if dispersion is None else Dispersion.from_json(dispersion),
            "season": None if season is None else Season.from_json(season),
            "bursts": None if bursts is None else Bursts.from_json(bursts),
            "clumps": None if clumps is None else Clumps.from_json(clumps),
            "waves": None if waves is None else np.array(waves, np.float64),
        }
        return cls(**{**snapshot, **arrays})


def recent(
    windows: WindowSet, layout: Layout, *, former: Baseline, items: int, since: float | None, end: float
) -> Baseline | None:
    """Return the newest `items` items as a provisional baseline, None without any; all there are if fewer.

    Windows do not tell how traffic varied from bucket to bucket; that, and the season, is taken to be as in
    the former baseline. Bursts are told by the new shares: by the former, all is one burst.

    Parameters
    ----------
    since : float, optional
        UTC seconds; given, the baseline is what came from then on instead, whatever its size.
    end : float
        UTC seconds at which the newest bucket with items ended.
    """
    if not len(windows.lengths):
        return None
    held = layout.items(windows.counts)
    enough = np.searchsorted(held, items) if since is None else (windows.starts >= since).sum() - 1
    i = min(max(int(enough), 0), len(held) - 1)
    tested = layout.tested(windows.counts[i][None])
    bursts = None if former.bursts is None else former.bursts.among(tested.counts[0], tested.items[0])
    return replace(
        former,
        counts=windows.counts[i],
        items=int(held[i]),
        buckets=int(windows.lengths[i]),
        start=float(windows.starts[i]),
        end=end,
        kind="provisional",
        waves=None if windows.waves is None else windows.waves[i],
        bursts=bursts,
    )


def freezable(baseline: Baseline | None, *, force: bool) -> Baseline:
    """Return `baseline`, or raise BaselineRefused when it is too small to compare anything with.

    `force` admits any baseline with at least one item.
    """
    items = 0 if baseline is None else baseline.items
    if baseline is None or (items < MINIMUM_ITEMS and not force):
        least = 1 if force else MINIMUM_ITEMS
        raise BaselineRefused(
            f"it would hold {items} items and needs at least {least}; wait for more traffic"
        )
    return baseline
