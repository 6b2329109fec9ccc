"""Which classes, and which parts of a measured quantity, does an alarm name?"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from monitoring.detection.comparison import Comparison, Scanned
from monitoring.detection.distance import net_distance
from monitoring.detection.finding import ClassShift, Finding, share_interval
from monitoring.scanning.streams import CLASSES

NAMING_ERROR_RATE: Final = 0.01  # of naming any category that did not move, in the alarm's window


def describe(scanned: Scanned, comparison: Comparison) -> Finding:
    """Return what an alarm at this scan says.

    Named are the category with the strongest evidence, and those that pass a test of the alarm's window alone
    in which any category that did not move is named with a probability of at most 1 %. None is named where
    the mix as a whole moved and no category shows it. Of a measured quantity one cut speaks for all, because
    they move together.
    """
    windows, result, layout = scanned.windows, scanned.result, comparison.layout
    i = result.window
    shifts = [_shift(k, scanned, comparison) for k in _named(scanned, comparison)]
    classes = tuple(sorted(shifts, key=lambda shift: (-shift.evidence, shift.name)))
    stream = _stream(scanned, comparison, classes)
    items = int(layout.items(windows.counts[i]))
    return Finding(
        since_time=float(windows.starts[i]),
        since_items=items,
        window_items=items,
        window_buckets=int(windows.lengths[i]),
        statistic=result.statistic,
        threshold=comparison.threshold,
        classes=classes,
        watched=watched_classes(classes),
        stream=stream,
        distance=net_distance(scanned, comparison, stream),
        left_out=tuple(sorted(comparison.scope.left_out)),
    )


def _stream(scanned: Scanned, comparison: Comparison, shifts: Sequence[ClassShift]) -> str:
    """Return the stream an alarm is about: the classes where they suffice for it, else the strongest.

    Another mix of classes moves whatever differs between them, and sometimes shows there more clearly.
    """
    if any(shift.stream == CLASSES and shift.evidence >= comparison.threshold for shift in shifts):
        return CLASSES
    if scanned.result.mix is not None:
        return comparison.mixes[scanned.result.mix]
    return comparison.layout.names[int(scanned.result.strongest.argmax())][0]


def watched_classes(shifts: Sequence[ClassShift]) -> tuple[str, ...]:
    """Return the classes whose items are worth labelling: those that rose, or fell if none rose.

    When one class rises all others lose share; labels of those would say nothing new.
    """
    classes = [shift for shift in shifts if shift.stream == CLASSES]
    rose = tuple(shift.name for shift in classes if shift.direction == "rise")
    return rose or tuple(shift.name for shift in classes)


def _named(scanned: Scanned, comparison: Comparison) -> Sequence[int]:
    strongest, layout = scanned.result.strongest, comparison.layout
    bar = math.log(scanned.windows.lengths[scanned.result.window]) - math.log(NAMING_ERROR_RATE)
    clear = np.flatnonzero((strongest >= bar) | (np.arange(len(strongest)) == strongest.argmax()))
    named = {k for k in clear.tolist() if strongest[k] > 0.0}
    for stream in layout.streams:
        if stream.kind == "cuts":
            columns = layout.columns[stream.name]
            others = set(range(columns.start, columns.stop))
            others.discard(columns.start + int(strongest[columns].argmax()))
            named -= others
    return sorted(named)


def _shift(column: int, scanned: Scanned, comparison: Comparison) -> ClassShift:
    result, (stream, name) = scanned.result, comparison.layout.names[column]
    count, items = scanned.cell(result.window, column)
    buckets = int(scanned.windows.lengths[result.window])
    low, high = share_interval(count, items, inflation=float(comparison.inflation(column, buckets)))
    return ClassShift(
        name=name,
        reference=comparison.share(column) or 0.0,
        current=count / items,
        low=low,
        high=high,
        direction="rise" if result.strongest_rises[column] else "fall",
        evidence=float(result.strongest[column]),
        stream=stream,
    )
