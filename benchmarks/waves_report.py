"""How are the runs of the wave benchmarks told: tables with the goals beside them, and pictures."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from benchmarks.waves_data import SOURCES
from benchmarks.waves_goals import (
    by,
    by_wave,
    goals_text,
    labels_a_point,
    mean,
    reservoir_goals,
    three_wave_goals,
    wave_goals,
)
from benchmarks.waves_judged import CLUSTERS, ENOUGH
from benchmarks.waves_models import Quality
from benchmarks.waves_reservoirs import Kept
from benchmarks.waves_runs import OURS, TOLD, Row, Step
from model_store.reports.drawing import FIRST, INK, SECOND, legend, picture, standalone

_MARKERS: Final[Mapping[str, tuple[str, str]]] = {
    OURS: ("o", FIRST),
    TOLD: ("D", FIRST),
    "random": ("s", INK),
    "margin": ("^", SECOND),
    "entropy": ("v", SECOND),
    "least confidence": ("<", SECOND),
}
_AGES: Final = (
    "running: while its ten minutes last, or later on a day with hardly any other traffic;\n"
    "recent: within an hour, or while an alarm about at most six epochs is open;\n"
    "old: hours ago on a day full of traffic, and no alarm is about it"
)


def waves_text(rows: Sequence[Row]) -> str:
    """Return a table a problem and batch size, and what of it reaches the goals."""
    parts = [
        f"found: items of the classes looked for, near-duplicates counted once; enough: of these classes, "
        f"those with at least {ENOUGH} found;\nlabels a point: labels divided by the points of macro-F1 they "
        f"gave, a mean of points over the seeds; clusters: of {CLUSTERS} of the traffic"
    ]
    for (problem, size), mine in by(rows, lambda row: (row.problem, row.batch_size)).items():
        parts.append(f"{problem}, {size:,} labels{_bounds(mine)}\n\n{_table(mine)}")
    parts.append(goals_text(wave_goals(rows)))
    return "\n\n".join(parts)


def three_waves_text(steps: Sequence[Step]) -> str:
    """Return what each of three waves brought, beside random's."""
    lines = [
        "| problem | wave | chosen by | found | so far | over random | near-duplicates | clusters "
        f"| of random's | {' / '.join(SOURCES)} | macro-F1 | their F1 | their AP |",
        "|" + "---|" * 13,
    ]
    base = {key: mean(mine, lambda s: s.found_so_far) for key, mine in by_wave(steps, "random").items()}
    wide = {key: mean(mine, lambda s: s.clusters_so_far) for key, mine in by_wave(steps, "random").items()}
    for (problem, wave, rival), mine in by(steps, lambda s: (s.problem, s.wave, s.rival)).items():
        found, clusters = mean(mine, lambda s: s.found_so_far), mean(mine, lambda s: s.clusters_so_far)
        shares = np.mean([s.judged.sources for s in mine], axis=0)
        cells = [
            problem,
            str(wave),
            rival,
            f"{mean(mine, lambda s: s.judged.found):.0f}",
            f"{found:.0f}",
            f"{found / max(base[problem, wave], 1):.1f}x",
            f"{mean(mine, lambda s: s.judged.near_duplicates):.1%}",
            f"{clusters:.0f}",
            f"{clusters / max(wide[problem, wave], 1):.0%}",
            " / ".join(f"{share:.0%}" for share in shares),
            f"{mean(mine, lambda s: s.after.macro_f1):.3f}",
            f"{mean(mine, lambda s: s.after.told_f1):.3f}",
            f"{mean(mine, lambda s: s.after.told_ap):.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", goals_text(three_wave_goals(steps))])


def reservoir_text(rows: Sequence[Kept]) -> str:
    """Return what a wave finds in the reservoirs of what it finds in the whole traffic.

    In a row of busy epochs both are of one of them, and of its part of the labels. The standard error of a
    share is that of a ratio of sums over the seeds (Cochran 1977, Sampling Techniques, section 6.4).
    """
    lines = [
        _AGES,
        "",
        "| problem | labels | epochs | age | declared | candidates | found | found in all | share | s.e. |",
        "|" + "---|" * 10,
    ]
    for (problem, size, setting), mine in by(rows, lambda r: (r.problem, r.batch_size, r.setting)).items():
        found, whole = mean(mine, lambda r: r.found), mean(mine, lambda r: r.found_in_all)
        lines.append(
            f"| {problem} | {size:,} | {setting.epochs}{' busy' * setting.busy} | {setting.age} "
            f"| {'yes' if setting.declared else 'no'} | {mean(mine, lambda r: r.candidates):,.0f} "
            f"| {found:.0f} | {whole:.0f} | {found / max(whole, 1):.2f} | {_share_error(mine)} |"
        )
    return "\n".join([*lines, "", goals_text(reservoir_goals(rows))])


def _share_error(rows: Sequence[Kept]) -> str:
    if len(rows) < 2:
        return "-"
    found, whole = (np.array([getattr(row, name) for row in rows]) for name in ("found", "found_in_all"))
    off = found - found.sum() / max(whole.sum(), 1) * whole
    return f"{np.sqrt(off.var(ddof=1) * len(rows)) / max(whole.sum(), 1):.2f}"


def waves_plot(rows: Sequence[Row]) -> str:
    """Draw what each way to choose found."""
    every = by(rows, lambda row: (row.problem, row.batch_size))
    names = [f"{problem}, {size:,}" for problem, size in every]

    def draw(axes: Axes) -> None:
        for rival, (marker, colour) in _MARKERS.items():
            style: Mapping[str, Any] = {"marker": marker, "color": colour, "linestyle": "none"}
            mine = [[row for row in each if row.rival == rival] for each in every.values()]
            at = [place for place, each in enumerate(mine) if each]
            found = [mean(mine[place], lambda row: row.judged.found) for place in at]
            axes.plot(found, at, label=rival, fillstyle="full" if rival == OURS else "none", **style)
        axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
        axes.set(xlabel="items found, near-duplicates counted once", xscale="log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        legend(axes, 3)

    ours = [
        mean([r for r in each if r.rival == OURS], lambda row: row.judged.found) for each in every.values()
    ]
    said = "; ".join(f"{name}: {found:.0f}" for name, found in zip(names, ours, strict=True))
    height = 1.9 + 0.4 * len(names)
    return standalone(picture(draw, "Found in a batch", f"{said}.", key="waves", height=height, width=6.4))


def three_waves_plot(steps: Sequence[Step]) -> str:
    """Draw the found items over three waves, the product's and random's."""
    markers = dict(zip(dict.fromkeys(step.problem for step in steps), "os^D", strict=False))

    def draw(axes: Axes) -> None:
        for (problem, rival), mine in by(steps, lambda s: (s.problem, s.rival)).items():
            waves = sorted({step.wave for step in mine})
            found = [mean([s for s in mine if s.wave == wave], lambda s: s.found_so_far) for wave in waves]
            line: Mapping[str, Any] = (
                {"color": FIRST} if rival == OURS else {"color": INK, "linestyle": (0, (4, 2))}
            )
            axes.plot(waves, found, marker=markers[problem], label=f"{problem}, {rival}", **line)
        axes.set(xlabel="wave", ylabel="found so far", xticks=[1, 2, 3], ylim=(0, None))
        legend(axes, 2)

    said = "; ".join(f"{s.problem}, {s.rival}, wave {s.wave}: {s.found_so_far}" for s in steps)
    return standalone(picture(draw, "Three waves", f"{said}.", key="three", height=4.0, width=6.4))


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| chosen by | found | enough | near-duplicates | clusters | macro-F1 | their F1 | their AP "
        "| labels a point | seconds |",
        "|" + "---|" * 10,
    ]
    for rival, mine in by(rows, lambda row: row.rival).items():
        cells = [
            rival,
            f"{mean(mine, lambda r: r.judged.found):.0f}",
            f"{mean(mine, lambda r: r.judged.enough):.1f}",
            f"{mean(mine, lambda r: r.judged.near_duplicates):.1%}",
            f"{mean(mine, lambda r: r.judged.clusters):.0f}",
            *_after(mine),
            f"{mean(mine, lambda r: r.seconds):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _bounds(rows: Sequence[Row]) -> str:
    """Return how good the model was before, and how good all of the traffic's labels would make it."""
    before = [row.before for row in rows if row.before is not None]
    limit = [row.limit for row in rows if row.limit is not None]
    if not before or not limit:
        return ""
    price = labels_a_point(rows, learnt=lambda row: row.limit)
    said = f", {price:,.0f} labels a point were all of it learnt" if np.isfinite(price) else ""
    return f"\nbefore: {_said(before)}\nall of the traffic labelled: {_said(limit)}{said}"


def _said(qualities: Sequence[Quality]) -> str:
    macro, f1, ap = _means(qualities)
    return f"macro-F1 {macro}, their F1 {f1}, their AP {ap}"


def _after(rows: Sequence[Row]) -> list[str]:
    known = [row.after for row in rows if row.after is not None]
    if not known:
        return ["-"] * 4
    price = labels_a_point(rows)
    return [*_means(known), f"{price:,.0f}" if np.isfinite(price) else "never"]


def _means(qualities: Sequence[Quality]) -> list[str]:
    """Return macro-F1, and F1 and AP of the told classes."""
    figures = ("macro_f1", "told_f1", "told_ap")
    return [f"{np.mean([getattr(each, name) for each in qualities]):.3f}" for name in figures]
