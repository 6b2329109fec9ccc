"""How a labeling plan reads: tables of its waves, then what they will show and when to stop."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from monitoring.meaning.wording import number_of
from monitoring.plan.ahead import Ahead, Asked
from monitoring.plan.forecast import (
    DELTA,
    POSITIVES,
    RECALL,
    RECALL_LABELS,
    WORTH,
    Expected,
    explored_labels,
    rates,
)
from monitoring.plan.planning import Plan
from monitoring.plan.pool import Pool
from monitoring.plan.shares import SLICES
from service.cli.output import table

_SLICE_WORDS = {
    "rare": "rare: best by {by}",
    "spread": "spread out",
    "novel": "unlike what was labelled",
    "uncertain": "uncertain",
    "explore": "explored at random",
}
_NAMED = 5  # labels, and rules without a match


def plan_words(pool: Pool, plan: Plan, asked: Asked, files: Sequence[str]) -> Group:
    """Return the plan for people."""
    return Group(*_parts(pool, plan, asked, files))


def _parts(pool: Pool, plan: Plan, asked: Asked, files: Sequence[str]) -> Iterator[Table | Text]:
    yield Text(_opening(pool, plan, asked))
    if plan.measured:
        yield Text("")
        yield _measured(plan)
    if plan.ahead:
        yield Text("")
        yield _waves(plan, asked)
        yield Text("")
        yield _sources(plan.ahead)
    yield Text("")
    yield from (Text(f"- {line}") for line in _findings(plan, asked))
    yield from (Text(f"written: {each}") for each in files)
    if plan.wave is not None and not files:
        yield Text("`--out DIRECTORY` writes the wave's items and its manifest")


def _opening(pool: Pool, plan: Plan, asked: Asked) -> str:
    which = "handed out before or like such"
    if asked.basis == "model":
        which = "known to the model, handed out before or like such"
    before = f", {plan.fresh.taken:,} {which}" if plan.fresh.taken else ""
    spent = f", {plan.spent:,} of them spent" if plan.spent else ""
    repeated = number_of(plan.fresh.repeated, "near-duplicate")
    return (
        f"{pool.path}: {len(pool):,} rows, {repeated} of others{before}; "
        f"{len(plan.fresh):,} to choose from. Budget {asked.budget:,} labels{spent}, waves of {asked.wave:,}."
    )


def _waves(plan: Plan, asked: Asked) -> Table:
    by = "rules" if asked.basis == "hits" else "the model"
    rows: list[list[object]] = [
        [_SLICE_WORDS[slice_].format(by=by), *(each.slices.get(slice_, 0) for each in plan.ahead)]
        for slice_ in SLICES
        if any(slice_ in each.slices for each in plan.ahead)
    ]
    rows.append(["items", *(each.items for each in plan.ahead)])
    rows += [
        [f"{name} expected", *(_expected(each.expected[name]) for each in plan.ahead)] for name in asked.rare
    ]
    return table("The plan", ["", *(f"wave {each.number}" for each in plan.ahead)], rows, whole=1)


def _expected(found: Expected) -> str:
    bounds = f"{found.low} to {found.high}"
    return bounds if found.estimate is None else f"{found.estimate:.0f} ({bounds})"


def _sources(ahead: Sequence[Ahead]) -> Table:
    names = sorted({name for each in ahead for name in each.sources})
    rows = [[name, *(each.sources.get(name, 0) for each in ahead)] for name in names]
    return table("Items by source", ["source", *(f"wave {each.number}" for each in ahead)], rows, whole=1)


def _measured(plan: Plan) -> Table:
    rows = [
        [name, slice_, tally.labels, tally.positives, _rate(tally)]
        for name, found in plan.measured.items()
        for slice_, tally in found.items()
        if tally.labels or slice_ in ("rare", "explore")
    ]
    return table("Found so far", ["class", "slice", "labels", "of the class", "rate %"], rows, whole=2)


def _rate(tally: Any) -> str:
    low, rate, high = rates(tally)
    return "-" if rate is None else f"{100 * rate:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _findings(plan: Plan, asked: Asked) -> Iterator[str]:
    yield from _short_of(plan, asked)
    if plan.labels:
        yield f"Labels so far: {_listed(plan.labels)}."
    if plan.ahead and (more := plan.waves_left - len(plan.ahead)):
        yield f"Waves after these: {more}, like the last one."
    for name, found in plan.candidates.items():
        if asked.basis == "hits":
            yield f"Rules of {name} match {found:,} of the {len(plan.fresh):,}."
    if idle := [rule for rule, found in plan.matches.items() if not found]:
        yield f"Rules that match nothing: {'; '.join(idle[:_NAMED])}{_more(idle)}."
    if plan.ahead:
        yield _basis(plan, asked)
    yield from _takes(plan)
    yield _stop(plan)


def _basis(plan: Plan, asked: Asked) -> str:
    """Say what the expected positives rest on."""
    if {each.basis for each in plan.ahead[0].expected.values()} & {"hits", "unknown"}:
        return (
            "How many are positive is unknown until the first labels: of the rare slice between 0 and all, "
            "of the rest it is not guessed."
        )
    if asked.basis == "model" and not plan.measured:
        return "Positives of the rare slice are expected by the model's probabilities, if they hold here."
    return "Positives are expected at the rates so far (95 %); best items go first, so rates tend to fall."


def _takes(plan: Plan) -> Iterator[str]:
    """Say how many explored labels a claim takes."""
    yield (
        f"Explored items measure: their labels say how common a class is. A recall of {RECALL:g} is "
        f"certified with {1 - DELTA:.0%} confidence by {POSITIVES} explored positives without a miss, and "
        f"estimated from {RECALL_LABELS} explored labels on."
    )
    for name, tallies in plan.measured.items():
        needed, have = explored_labels(tallies["explore"]), tallies["explore"].labels
        if needed is None:
            labels = number_of(have, "explored label")
            yield f"{name}: no explored positive in {labels}, so how many it takes is unknown."
        else:
            yield f"{name}: about {needed:,} explored labels hold {POSITIVES} of it; there are {have:,}."


def _listed(labels: Mapping[str, int]) -> str:
    """Name the commonest labels: one that is spelled otherwise is another label."""
    ranked = sorted(labels, key=lambda name: (-labels[name], name))
    return ", ".join(f"{name} {labels[name]:,}" for name in ranked[:_NAMED]) + _more(ranked)


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""


def _short_of(plan: Plan, asked: Asked) -> Iterator[str]:
    """Say where the wave has less than was asked for, or more than a cap allows."""
    wave = plan.wave
    if wave is None:
        return
    wanted = min(asked.wave, asked.budget - plan.spent)
    if len(wave.items) < wanted:
        yield (
            f"This wave has {len(wave.items):,} items, not {wanted:,}: the pool, or the caps on its sources, "
            "give no more."
        )
    for source, n in wave.over_cap.items():
        yield (
            f"{number_of(n, f'item of source {source} is', f'items of source {source} are')} beyond its cap: "
            "so many were drawn at random, or nothing else was left."
        )
    if asked.basis == "hits" and wave.got("rare") < wave.slices["rare"]:
        yield (
            f"The rare slice has {wave.got('rare'):,} of {wave.slices['rare']:,} items: no more match, or "
            "the quotas of their sources are full. The others are spread out."
        )


def _stop(plan: Plan) -> str:
    rule = f"stop when the rare slice finds less than {WORTH:g} x the explored rate"
    stop = plan.stop
    if stop.verdict == "stop" and not any(plan.candidates.values()):
        return "STOP: nothing that is left matches. No wave is planned; other rules or a model may find more."
    if stop.rare is None or stop.explore is None:
        return f"Stop rule: {rule}; it needs labels of the last wave, by the same rules or model."
    found = f"{stop.rare:.1%} of the last rare slice, {stop.explore:.1%} of the explored items"
    if stop.verdict == "stop":
        return f"STOP ({found}): {rule}. No wave is planned; other rules or a model may find more."
    return f"Go on ({found}): {rule}."
