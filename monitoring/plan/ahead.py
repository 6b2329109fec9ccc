"""What are the waves of a plan made of, and how many positives is each expected to hold?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from model_store.bundles.manifest import Task
from monitoring.plan.choose import Wave
from monitoring.plan.earlier import Tally
from monitoring.plan.forecast import Expected, of_rates, of_scores
from monitoring.plan.shares import Slice, sizes, sizes_by_model, source_quotas
from monitoring.waves.needs import quotas

SHOWN: Final = 3  # waves


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants.

    Parameters
    ----------
    rare : tuple of str
        The classes to look for.
    classes : tuple of str
        Those labelers choose among, the rare ones included.
    task : str
        Whether an item has one label or several.
    chosen_by : str
        Names the rules or the model; earlier waves of the same say what the next will find.
    basis : str
        Whether scores are counts of hits or calibrated probabilities.
    of_traffic : bool
        Whether the model was calibrated on a sample of traffic. By one of chosen items nothing is expected:
        where those hold more of a class than the traffic, so do its probabilities.
    """

    budget: int
    wave: int
    rare: tuple[str, ...]
    chosen_by: str
    basis: Literal["hits", "model"] = "hits"
    caps: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    classes: tuple[str, ...] = ()
    task: Task = "multiclass"
    of_traffic: bool = True


@dataclass(frozen=True, slots=True)
class Ahead:
    """A wave of the plan, in numbers: `expected` positives per rare class."""

    number: int
    items: int
    slices: Mapping[Slice, int]
    sources: Mapping[str, int]
    expected: Mapping[str, Expected]


def look_ahead(
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
    """Yield the wave that was chosen, and what the next ones will be, three in all at most.

    Parameters
    ----------
    counts : sequence of int
        Items of each wave until budget or pool are used up.
    sources, candidates : mapping of str to int
        Fresh items per source, and those per rare class with any sign of it.
    """
    slices: dict[Slice, int] = {name: wave.got(name) for name in wave.slices}
    given = Counter(item.source for item in wave.items)
    expected = {name: _expected(wave, name, slices, asked, measured) for name in asked.rare}
    yield Ahead(number, len(wave.items), slices, given, expected)
    fresh_left = Counter(sources) - given
    signs = Counter(candidates) - Counter(item.rare for item in wave.items if item.rare is not None)
    for offset, size in enumerate(counts[1:SHOWN], 1):
        given = Counter(source_quotas(size, fresh_left, asked.caps))
        planned = (sizes_by_model if asked.basis == "model" else sizes)(given.total(), len(given))
        wanted = quotas(planned["rare"], moved=list(lacking), lacking=lacking, target=1)
        rare = {name: min(wanted.get(name, 0), signs[name]) for name in asked.rare}
        others: Slice = "uncertain" if asked.basis == "model" else "spread"
        short = planned["rare"] - sum(rare.values())
        slices = {**planned, "rare": sum(rare.values()), others: planned[others] + short}
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
    if asked.basis == "hits":
        return Expected(0, len(scores), "hits")
    return of_scores(scores) if asked.of_traffic else Expected(0, len(scores), "unknown")


def _later(slices: Mapping[Slice, int], measured: Mapping[Slice, Tally] | None) -> Expected:
    if measured is None or not measured["rare"].labels:
        return Expected(0, slices["rare"], "unknown")
    return of_rates(slices, measured)
