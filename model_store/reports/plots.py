"""Plots: which figure shows what a number in a report cannot?

Each function returns one SVG element to put into a page; see `model_store.reports.drawing`. Series differ by
line and marker before they differ by colour.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes

from model_store.calibrating.reliability import Curve
from model_store.reports.drawing import FAINT, FIRST, INK, SECOND, legend, levels, picture, short
from model_store.reports.evaluation import ClassFigures
from model_store.reports.findings import words
from model_store.reports.metrics import Share, ThresholdCurve
from model_store.reports.slices import Slice

_SOLID: Final[dict[str, Any]] = {"color": FIRST, "linestyle": "-", "linewidth": 1.8}
_DASHED: Final[dict[str, Any]] = {"color": SECOND, "linestyle": (0, (4, 2)), "linewidth": 1.8}
_DISC: Final[dict[str, Any]] = {"marker": "o", "markersize": 5, "color": FIRST}
_SQUARE: Final[dict[str, Any]] = {"marker": "s", "markersize": 5, "color": SECOND, "fillstyle": "none"}
_BOUND: Final[dict[str, Any]] = {
    "color": INK,
    "marker": "^",
    "markersize": 6,
    "fillstyle": "none",
    "linestyle": "none",
}
_MOST_TICKS: Final = 6


def reliability(name: str, before: Curve, after: Curve, *, key: str) -> str:
    """Draw how often a class is right against how probable it was called, before and after calibration."""

    def draw(axes: Axes) -> None:
        top = max(*before.mean, *before.share, *after.mean, *after.share) * 1.05
        axes.plot([0, top], [0, top], color=INK, linestyle=":", linewidth=1, label="exact")
        for curve, style, label in (
            (before, _DASHED | _SQUARE, "before calibration"),
            (after, _SOLID | _DISC, "after"),
        ):
            axes.plot(curve.mean, curve.share, label=label, **style)
        axes.set(xlabel="mean probability of the bin", ylabel="share that is of the class")
        legend(axes, 2)

    says = f"Reliability of {name} in {len(after.items)} bins of equal size; dotted: exact probabilities."
    return picture(draw, f"Calibration of {name}", says, key=key)


def threshold(figures: ClassFigures, curve: ThresholdCurve, *, key: str) -> str:
    """Draw precision and recall of a class over the threshold, the chosen one and what was asked there."""

    def draw(axes: Axes) -> None:
        axes.plot(curve.thresholds, curve.recall, label="recall", **_SOLID)
        axes.plot(curve.thresholds, curve.precision, label="precision", **_DASHED)
        if figures.threshold is not None:
            axes.axvline(figures.threshold, color=INK, linewidth=1, linestyle="-.", label="chosen threshold")
            _upright(axes, figures.threshold, figures.recall, _DISC)
            _upright(axes, figures.threshold, figures.precision, _SQUARE)
            if figures.review_from is not None:
                axes.axvspan(
                    figures.review_from, figures.threshold, color=FAINT, alpha=0.3, label="to review"
                )
        levels(axes, ((check.asked, f"{check.aspect}\nasked") for check in figures.checks))
        if figures.threshold is not None and figures.checks:
            bounds = [check.bound for check in figures.checks]
            axes.plot([figures.threshold] * len(bounds), bounds, label="the bundle's bound", **_BOUND)
        axes.set(xlabel="threshold", ylim=(-0.02, 1.02))
        if figures.threshold is not None and figures.threshold < 0.1:
            axes.set_xscale("log")
            axes.set_xlim(max(curve.thresholds[0], figures.threshold / 100), 1)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel("threshold (log scale)")
        legend(axes, 2)

    says = f"Precision and recall of {figures.name} over the threshold. {_chosen(figures)}"
    return picture(draw, f"Thresholds of {figures.name}", says, key=key)


def intervals(classes: Sequence[ClassFigures], *, key: str) -> str:
    """Draw recall and precision of classes with their intervals, and what was asked of them."""

    def draw(axes: Axes) -> None:
        for place, figures in enumerate(classes):
            _level(axes, place - 0.15, figures.recall, _DISC)
            _level(axes, place + 0.15, figures.precision, _SQUARE)
            for check in figures.checks:
                shift = -0.15 if check.aspect == "recall" else 0.15
                axes.plot(check.asked, place + shift, color=INK, marker="|", markersize=13, linestyle="none")
        axes.set(yticks=range(len(classes)), yticklabels=[short(each.name) for each in classes])
        axes.set(ylim=(len(classes) - 0.5, -0.5), xlim=(-0.02, 1.02))
        axes.plot([], [], label="recall", **_DISC)
        axes.plot([], [], label="precision", **_SQUARE)
        axes.plot([], [], color=INK, marker="|", markersize=10, linestyle="none", label="asked")
        legend(axes, 3)

    said = ". ".join(
        f"{each.name}: recall {words(each.recall)}, precision {words(each.precision)}" for each in classes
    )
    height = 1.1 + 0.34 * len(classes)
    return picture(draw, "Recall and precision with intervals", f"{said}.", key=key, height=height)


def over_time(slices: Sequence[Slice], *, key: str) -> str:
    """Draw macro-F1 of the policy and the share that goes to review over time."""

    def draw(axes: Axes) -> None:
        at = range(len(slices))
        f1 = [float("nan") if s.macro_f1_policy is None else s.macro_f1_policy for s in slices]
        axes.plot(at, f1, label="macro-F1", **_SOLID | _DISC)
        review = [s.review_share for s in slices]
        axes.plot(at, review, label="share to review", **_DASHED | _SQUARE)
        axes.set(ylim=(-0.02, 1.02))
        _moments(axes, slices)
        legend(axes, 2)

    says = f"{len(slices)} periods from {slices[0].name} to {slices[-1].name}; the table has the figures."
    return picture(draw, "Over time", says, key=key)


def recall_over_time(name: str, slices: Sequence[Slice], asked: float | None, *, key: str) -> str:
    """Draw the recall of a class with its interval over time, and what was asked of it."""
    found = [next((c.recall for c in s.classes if c.name == name), None) for s in slices]

    def draw(axes: Axes) -> None:
        for place, value in enumerate(found):
            if value is not None:
                _upright(axes, place, value, _DISC)
        if asked is not None:
            levels(axes, [(asked, "asked")])
        axes.set(ylim=(-0.02, 1.02), xlim=(-0.5, len(slices) - 0.5), ylabel="recall")
        _moments(axes, slices)

    measured = [each for each in found if each is not None and each.estimate is not None]
    says = f"Recall of {name} in {len(slices)} periods, {len(measured)} of them with rows of it."
    return picture(draw, f"Recall of {name} over time", says, key=key)


def _chosen(figures: ClassFigures) -> str:
    if figures.threshold is None:
        return "No threshold was chosen."
    return (
        f"At the chosen threshold {figures.threshold:.3g} recall is {words(figures.recall)}, "
        f"precision {words(figures.precision)}."
    )


def _upright(axes: Axes, x: float, value: Share, marker: Mapping[str, Any]) -> None:
    if value.estimate is not None:
        axes.vlines(x, value.lower, value.upper, color=marker["color"], linewidth=1.4)
        axes.plot(x, value.estimate, **marker)


def _level(axes: Axes, y: float, value: Share, marker: Mapping[str, Any]) -> None:
    if value.estimate is not None:
        axes.hlines(y, value.lower, value.upper, color=marker["color"], linewidth=1.4)
        axes.plot(value.estimate, y, **marker)


def _moments(axes: Axes, slices: Sequence[Slice]) -> None:
    shown = range(0, len(slices), -(-len(slices) // _MOST_TICKS))
    labels = [slices[i].name.removeprefix("week of ") for i in shown]
    axes.set_xticks(list(shown), labels, rotation=30, ha="right")
