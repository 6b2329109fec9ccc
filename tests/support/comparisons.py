"""Comparisons with a frozen baseline of given counts."""

import numpy as np
import numpy.typing as npt

from monitoring.detection.baseline import Baseline
from monitoring.detection.comparison import Comparison, Scanned
from monitoring.detection.detector_config import DetectorConfig
from monitoring.scanning.budget import Weights, column_weights
from monitoring.scanning.evidence import Yardstick
from monitoring.scanning.scan import ScanResult, scan_columns
from monitoring.scanning.streams import Layout, Stream, class_stream
from monitoring.scanning.whole_mix import Mix
from monitoring.scanning.windows import Counts, WindowSet

CATEGORIES = ("common", "rare", "no_class_passes")


def baseline_of(counts: npt.ArrayLike, *, bucket_items: int = 50, items: int | None = None) -> Baseline:
    """Return a frozen baseline of a raw row, with so many items a bucket."""
    row = np.asarray(counts, np.int64)
    held = int(row.sum()) if items is None else items
    return Baseline(row, held, max(held // bucket_items, 1), start=0.0, end=1.0, kind="frozen")


def comparison_of(
    counts: npt.ArrayLike,
    *,
    streams: tuple[Stream, ...] | None = None,
    config: DetectorConfig | None = None,
    items: int | None = None,
) -> Comparison:
    """Return a comparison with a baseline of this raw row; without a test of the mix as a whole."""
    row = np.asarray(counts, np.int64)
    names = CATEGORIES if len(row) == len(CATEGORIES) else tuple(f"class {k}" for k in range(len(row)))
    layout = Layout(streams or (class_stream(names),))
    baseline = baseline_of(row, items=items)
    return Comparison(baseline, layout, config or DetectorConfig(whole_mix=0.0))


def scanned_of(
    comparison: Comparison,
    row: npt.ArrayLike,
    *,
    evidence: npt.ArrayLike,
    rises: npt.ArrayLike,
    buckets: int = 1,
    whole: float | None = None,
) -> Scanned:
    """Return a scan of one window that found just this; `whole` is the evidence of the first mix."""
    counts = np.asarray(row, np.int64)[None]
    windows = WindowSet(lengths=np.array([buckets]), counts=counts, starts=np.zeros(1))
    found, up = np.asarray(evidence, np.float64), np.asarray(rises, np.bool_)
    statistic = float(found.max()) if whole is None else whole
    mix = None if whole is None else 0
    result = ScanResult(
        statistic, 0, float(found.max()), lambda: (found, up), closely=lambda _: (found, up), mix=mix
    )
    columns = comparison.layout.tested(counts)
    return Scanned(windows, columns.counts, columns.items, columns.items.astype(np.float64), result)


def single_window(counts: Counts) -> WindowSet:
    """Return `counts` as the only window, one bucket long: a comparison made once, without a search."""
    return WindowSet(
        lengths=np.ones(1, dtype=np.int64),
        counts=counts[None],
        starts=np.zeros(1),
    )


def class_weights(
    reference: npt.NDArray[np.int64], *, shares: npt.ArrayLike | None = None, whole_mix: float = 0.0
) -> Weights:
    """Return `budget.column_weights` of a mix."""
    return column_weights("mix", reference, watch=shares, whole_mix=whole_mix)


def scan(
    windows: WindowSet,
    reference: npt.NDArray[np.int64],
    *,
    weights: Weights,
    tolerance: float = 0.0,
    tolerance_abs: float = 0.0,
    whole_mix: float = 0.0,
) -> ScanResult:
    """Compare every window of one mix of independent items with the reference; see `scan_columns`."""
    n_columns = len(reference)
    yardstick = Yardstick(
        counts=reference.astype(np.float64),
        items=np.full(n_columns, float(reference.sum())),
        weights=weights,
        tolerance=np.full(n_columns, tolerance),
        tolerance_abs=np.full(n_columns, tolerance_abs),
        mixes=(Mix(0, n_columns, whole_mix),) if whole_mix > 0.0 and n_columns > 2 else (),
    )
    return scan_columns(windows.lengths, windows.counts, windows.counts.sum(axis=1, keepdims=True), yardstick)
