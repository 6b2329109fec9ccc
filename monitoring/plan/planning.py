"""What do a pool, rules or a model, and the labels so far make of a budget? A plan, and its next wave."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from monitoring.errors import PlanRefused
from monitoring.plan.choose import Scores, Wave, choose
from monitoring.plan.earlier import Earlier, Labelled, Tally, tallies
from monitoring.plan.forecast import POSITIVES, Expected, Stop, of_rates, of_scores, stop, wave_sizes
from monitoring.plan.pool import Fresh, Pool, fresh
from monitoring.plan.shares import Slice, sizes, source_quotas
from monitoring.waves.needs import quotas

SHOWN: Final = 3  # waves

Scorer: TypeAlias = Callable[[Sequence[str]], Scores]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants.

    Parameters
    ----------
    rare : tuple of str
        The classes to look for.
    chosen_by : str
        Names the rules or the model; earlier waves of the same say what the next will find.
    basis : str
        Whether scores are counts of hits or calibrated probabilities.
    """

    budget: int
    wave: int
    rare: tuple[str, ...]
    chosen_by: str
    basis: Literal["hits", "model"] = "hits"
    caps: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Ahead:
    """A wave of the plan, in numbers: `expected` positives per rare class."""

    number: int
    items: int
    slices: Mapping[Slice, int]
    sources: Mapping[str, int]
    expected: Mapping[str, Expected]


@dataclass(frozen=True, slots=True)
class Plan:
    """All waves that are shown, and the next one itself; none where the stop rule says to stop.

    `candidates` are the fresh items per rare class with any sign of it, `measured` the tallies per class and
    slice, empty before the first labels that these rules or this model led to.
    """

    number: int
    spent: int
    waves_left: int
    fresh: Fresh
    sources: Mapping[str, int]
    candidates: Mapping[str, int]
    measured: Mapping[str, Mapping[Slice, Tally]]
    stop: Stop
    ahead: tuple[Ahead, ...]
    wave: Wave | None


def make_plan(
    pool: Pool, asked: Asked, scorer: Scorer, *, labelled: Labelled, earlier: Sequence[Earlier]
) -> Plan:
    """Return the plan for what is left of the budget.

    Raises
    ------
    PlanRefused
        If nothing is left of the budget or of the pool, or a cap is of a source that is none.
    """
    spent = sum(len(each.items) for each in earlier)
    if spent >= asked.budget:
        raise PlanRefused(
            f"the budget of {asked.budget} is spent: {spent} items were handed out; raise --budget"
        )
    known = sorted(set(pool.sources))
    if unknown := [name for name in asked.caps if name not in known]:
        raise PlanRefused(f"{pool.path}: no source {unknown[0]!r} to cap; the sources are {', '.join(known)}")
    left = fresh(pool, labelled.taken(key for each in earlier for key in each.items))
    if not len(left):
        raise PlanRefused(
            f"{pool.path}: all {len(pool)} rows, or near-duplicates of them, were handed out before"
        )
    scores = scorer([pool.texts[row] for row in left.rows])
    number = max((each.wave for each in earlier), default=0) + 1
    alike = [each for each in earlier if each.chosen_by == asked.chosen_by]
    measured = {name: tallies(labelled, alike, [name]) for name in asked.rare} if alike else {}
    last = [each for each in alike if each.wave == number - 1]
    verdict = stop(tallies(labelled, last, asked.rare)) if last else Stop("unknown")
    if alike and not (scores > 0).any():
        verdict = replace(verdict, verdict="stop")  # what led to finds has nothing left to look at
    counts = wave_sizes(asked.budget - spent, asked.wave, len(left))
    lacking = {name: max(POSITIVES - labelled.positives(name), 0) for name in asked.rare}
    wave = None
    if verdict.verdict != "stop":
        seed = (asked.seed, number)
        wave = choose(pool, left, scores, size=counts[0], lacking=lacking, caps=asked.caps, seed=seed)
    found = {name: int((scores[:, column] > 0).sum()) for column, name in enumerate(asked.rare)}
    sources = Counter(pool.sources[row] for row in left.rows)
    ahead = (
        ()
        if wave is None
        else tuple(
            _ahead(
                wave,
                asked=asked,
                number=number,
                counts=counts,
                sources=sources,
                candidates=found,
                lacking=lacking,
                measured=measured,
            )
        )
    )
    return Plan(number, spent, len(counts), left, sources, found, measured, verdict, ahead, wave)


def _ahead(
    wave: Wave,
    *,
    asked: Asked,
    number: int,
    counts: Sequence[int],
    sources: Mapping[str, int],
    candidates: Mapping[str, int],
    lacking: Mapping[str, int],
    measured: Mapping[str, Mapping[Slice, Tally]],
) -> Iterator[Ahead]:
    slices: dict[Slice, int] = {name: wave.got(name) for name in wave.slices}
    given = Counter(item.source for item in wave.items)
    expected = {name: _expected(wave, name, slices, asked, measured) for name in asked.rare}
    yield Ahead(number, len(wave.items), slices, given, expected)
    fresh_left = Counter(sources) - given
    signs = Counter(candidates) - Counter(item.rare for item in wave.items if item.rare is not None)
    for offset, size in enumerate(counts[1:SHOWN], 1):
        given = Counter(source_quotas(size, fresh_left, asked.caps))
        planned = sizes(given.total(), len(given))
        wanted = quotas(planned["rare"], moved=list(lacking), lacking=lacking, target=1)
        rare = {name: min(wanted.get(name, 0), signs[name]) for name in asked.rare}
        spread = planned["spread"] + planned["rare"] - sum(rare.values())
        slices = {"rare": sum(rare.values()), "spread": spread, "explore": planned["explore"]}
        yield Ahead(
            number + offset,
            given.total(),
            slices,
            given,
            {name: _later(slices | {"rare": n}, measured.get(name)) for name, n in rare.items()},
        )
        fresh_left, signs = fresh_left - given, signs - Counter(rare)


def _expected(
    wave: Wave,
    name: str,
    slices: Mapping[Slice, int],
    asked: Asked,
    measured: Mapping[str, Mapping[Slice, Tally]],
) -> Expected:
    scores = [item.score for item in wave.items if item.rare == name]
    if name in measured and measured[name]["rare"].labels:
        return of_rates({**slices, "rare": len(scores)}, measured[name])
    return of_scores(scores) if asked.basis == "model" else Expected(0, len(scores), "hits")


def _later(slices: Mapping[Slice, int], measured: Mapping[Slice, Tally] | None) -> Expected:
    if measured is None or not measured["rare"].labels:
        return Expected(0, slices["rare"], "unknown")
    return of_rates(slices, measured)
