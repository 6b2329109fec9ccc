"""Plots of drift: how sure was the detector when, and which shares have moved?

Each function returns one SVG element to put into a page; `model_store.reports.drawing.standalone` makes it a
file. What differs does so by mark and line before it does by colour. Needs matplotlib (`seamark[plots]`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from model_store.reports.drawing import FAINT, FIRST, SECOND, legend, note, picture, short
from monitoring.meaning.wording import number_of

WIDTH_INCHES: Final = 7.2
MOST_CLASSES: Final = 24
_MOST_POINTS: Final = 900
_ROUND: Final = (1, 2, 5)
_GAP: Final = (0.08, 0.11)  # between ticks, of the axis: of numbers, of percentages
_REFERENCE: Final[dict[str, Any]] = {
    "marker": "s",
    "markersize": 6,
    "color": SECOND,
    "fillstyle": "none",
    "linestyle": "none",
    "clip_on": False,
}
_CURRENT: Final[dict[str, Any]] = {
    "marker": "o",
    "markersize": 5,
    "color": FIRST,
    "linestyle": "none",
    "clip_on": False,  # a class that is gone lies on the edge
}


def evidence(
    times: npt.ArrayLike,
    statistics: npt.ArrayLike,
    *,
    threshold: float,
    alarms: Sequence[tuple[float, float | None]] = (),
    key: str,
) -> str:
    """Draw the evidence of a change over time against the threshold; alarms are shaded.

    The scale is that of square roots: evidence grows with the square of a change.

    Parameters
    ----------
    times, statistics : array_like of shape (n_buckets,)
        End of each bucket in UTC seconds, and the evidence then in nats; at least one.
    alarms : sequence of (raised, ended)
        UTC seconds; an alarm that has not ended is open to the end of the plot.
    """
    when, values = _thinned(np.asarray(times, np.float64), np.asarray(statistics, np.float64))

    def draw(axes: Axes) -> None:
        top = 1.1 * max(float(values.max()), 1.5 * threshold)
        _root_scale(axes.set_yscale, axes.yaxis, top)
        axes.set(ylim=(0.0, top), ylabel="evidence of a change, nats")
        moments = _dates(when)
        for number, (raised, ended) in enumerate(alarms):
            over = when[-1] if ended is None else ended
            label = "alarm" if not number else None
            axes.axvspan(*_dates([raised, over]), color=FAINT, alpha=0.35, linewidth=0, label=label)
        axes.plot(moments, values, color=FIRST, linewidth=1.3, label="evidence")
        axes.axhline(threshold, color=SECOND, linewidth=1.3, linestyle=(0, (4, 2)), label="threshold")
        locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)
        axes.set_xlabel("UTC")
        legend(axes, 3)

    says = (
        f"Evidence from {_day(when[0])} to {_day(when[-1])}, at most {values.max():.1f} nats; "
        f"the threshold is {threshold:.1f}; {number_of(len(alarms), 'alarm')}."
    )
    return picture(draw, "Evidence of drift over time", says, key=key, height=3.0, width=WIDTH_INCHES)


def shares(
    classes: Sequence[Mapping[str, Any]], *, moved: Sequence[str] = (), key: str, noun: str = "items"
) -> str:
    """Draw reference against current shares with 95 % intervals; of many classes those that differ most.

    Parameters
    ----------
    classes : sequence of mapping
        With `class`, `reference`, `current`, `low` and `high`, shares in [0, 1]; one without a current or a
        reference share is left out.
    moved : sequence of str
        Classes that an alarm names; marked with an arrow.
    noun : str
        What the shares are of.
    """
    known = [each for each in classes if each["current"] is not None and each["reference"] is not None]
    shown = _most_different(known, moved)

    def draw(axes: Axes) -> None:
        top = max((max(each["high"], each["reference"]) for each in shown), default=1.0) * 1.08
        _root_scale(axes.set_xscale, axes.xaxis, min(top, 1.0), percent=True)
        axes.set(xlim=(0.0, top), xlabel=f"share of {noun}")
        for place, each in enumerate(shown):
            axes.hlines(place, each["low"], each["high"], color=FIRST, linewidth=1.6)
            axes.plot(each["reference"], place, **_REFERENCE)
            axes.plot(each["current"], place, **_CURRENT)
        axes.set_yticks(range(len(shown)), [_label(each, moved) for each in shown])
        axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        axes.plot([], [], label="reference", **_REFERENCE)
        axes.plot([], [], label="now, with 95 % interval", **_CURRENT)
        legend(axes, 2)
        if len(known) > len(shown):
            others = number_of(len(known) - len(shown), "other class differs", "other classes differ")
            note(axes, len(shown) - 0.5, f"{others} less")

    said = "; ".join(
        f"{each['class']} {each['reference']:.2%}, now {each['current']:.2%}"
        f" ({each['low']:.2%}-{each['high']:.2%})"
        for each in shown
    )
    height = 1.15 + 0.27 * max(len(shown), 2)
    return picture(draw, "Shares of the classes", f"{said}.", key=key, height=height, width=WIDTH_INCHES)


def _most_different(classes: Sequence[Mapping[str, Any]], moved: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the classes to draw, most frequent first: those that moved, then by distance in intervals."""

    def differs(each: Mapping[str, Any]) -> float:
        distance, width = abs(each["current"] - each["reference"]), each["high"] - each["low"]
        return float(distance / max(width, 1e-9))

    ranked = sorted(classes, key=lambda each: (each["class"] not in moved, -differs(each)))[:MOST_CLASSES]
    return sorted(ranked, key=lambda each: (-each["reference"], each["class"]))


def _label(each: Mapping[str, Any], moved: Sequence[str]) -> str:
    name = short(each["class"])
    if each["class"] not in moved:
        return name
    return f"{name} {'▲' if each['current'] > each['reference'] else '▼'}"


def _thinned(
    times: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the largest value of each run of neighbours, so that no peak is lost."""
    step = -(-len(values) // _MOST_POINTS)
    starts = np.arange(0, len(values), step)
    ends = np.minimum(starts + step, len(values)) - 1
    return times[ends], np.maximum.reduceat(values, starts)


def _root_scale(scale: Callable[..., None], axis: Axis, top: float, *, percent: bool = False) -> None:
    """Scale an axis by square roots and set ticks at round numbers, none too near another."""
    scale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0.0)), np.square))
    ticks, last, gap = [], np.inf, _GAP[percent]
    rounds = [base * 10.0**power for power in range(6, -7, -1) for base in reversed(_ROUND)]
    for value in (each for each in rounds if each <= top):
        at = np.sqrt(value / top)
        if last - at >= gap and at >= gap:
            ticks.append(value)
            last = at
    ticks = [0.0, *reversed(ticks)]
    axis.set_ticks(ticks, [f"{100 * each:g} %" if percent else f"{each:g}" for each in ticks])


def _dates(times: npt.ArrayLike) -> Any:
    moments = [datetime.fromtimestamp(each, UTC) for each in np.asarray(times).tolist()]
    return date2num(moments)  # type: ignore[no-untyped-call]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
