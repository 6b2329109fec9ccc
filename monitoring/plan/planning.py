"""What do a pool, rules or a model, and the labels so far make of a budget? A plan, and its next wave."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from model_store.data.csvfile import Progress
from model_store.data.signatures import Signatures
from monitoring.errors import PlanRefused
from monitoring.plan.ahead import Ahead, Asked, look_ahead
from monitoring.plan.choose import Wave, choose
from monitoring.plan.earlier import Earlier, Tally, tallies
from monitoring.plan.forecast import POSITIVES, Stop, stop, wave_sizes
from monitoring.plan.labelled import Labelled
from monitoring.plan.pool import Fresh, Pool, fresh
from monitoring.plan.recipe import choose_by_model
from monitoring.plan.shares import Slice
from monitoring.plan.signs import Scorer, Signs, silent


@dataclass(frozen=True, slots=True)
class Plan:
    """All waves that are shown, and the next one itself; none where the stop rule says to stop.

    `candidates` are the fresh items per rare class with any sign of it, `matches` those per rule. `labels`
    counts the labels so far by name, `measured` has tallies per class and slice, and is empty before the
    first labels that these rules or this model led to.
    """

    number: int
    spent: int
    waves_left: int
    fresh: Fresh
    sources: Mapping[str, int]
    candidates: Mapping[str, int]
    measured: Mapping[str, Mapping[Slice, Tally]]
    stop: Stop
    ahead: tuple[Ahead, ...] = ()
    wave: Wave | None = None
    matches: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)


def make_plan(
    pool: Pool,
    asked: Asked,
    scorer: Scorer,
    *,
    labelled: Labelled,
    earlier: Sequence[Earlier],
    seen: Signatures | None = None,
    progress: Progress = silent,
) -> Plan:
    """Return the plan for what is left of the budget.

    `seen` are near-duplicate signatures of what a seed model was made from: none of that is chosen.

    Raises
    ------
    PlanRefused
        If nothing is left of the budget or of the pool, a wave is missing among the earlier ones, or a cap is
        of a source that is none.
    """
    spent = _checked(pool, asked, earlier)
    left = _left(pool, labelled, earlier, seen, progress)
    signs = scorer([pool.texts[row] for row in left.rows], progress)
    signed = signs.scores > 0
    number = max((each.wave for each in earlier), default=0) + 1
    alike = [each for each in earlier if each.chosen_by == asked.chosen_by]
    measured = {name: tallies(labelled, alike, [name]) for name in asked.rare} if alike else {}
    last = [each for each in alike if each.wave == number - 1]
    verdict = stop(tallies(labelled, last, asked.rare)) if last else Stop("unknown")
    if not signed.any():
        verdict = replace(verdict, verdict="stop")  # a wave would be spread out over what nothing speaks for
    counts = wave_sizes(asked.budget - spent, asked.wave, len(left))
    plan = Plan(
        number=number,
        spent=spent,
        waves_left=len(counts),
        fresh=left,
        sources=Counter(pool.sources[row] for row in left.rows),
        candidates=dict(zip(asked.rare, signed.sum(axis=0).tolist(), strict=True)),
        measured=measured,
        stop=verdict,
        matches=signs.matches,
        labels=Counter(name for each in labelled.labels for name in each),
    )
    if verdict.verdict == "stop":
        return plan
    lacking = {name: max(POSITIVES - labelled.positives(name), 0) for name in asked.rare}
    wave = _wave(
        pool,
        left,
        signs,
        asked,
        lacking=lacking,
        known=labelled.known_texts,
        size=counts[0],
        number=number,
    )
    ahead = look_ahead(
        wave,
        asked=asked,
        number=number,
        counts=counts,
        sources=plan.sources,
        candidates=plan.candidates,
        lacking=lacking,
        measured=measured,
    )
    return replace(plan, ahead=tuple(ahead), wave=wave)


def _checked(pool: Pool, asked: Asked, earlier: Sequence[Earlier]) -> int:
    """Return what is spent, or refuse waves with a gap, a budget without a rest, caps of unknown sources."""
    there = {each.wave for each in earlier}
    if missing := sorted(set(range(1, max(there, default=0))) - there):
        raise PlanRefused(
            f"the manifest of wave {missing[0]} is missing; name it with --manifest, beside the later ones"
        )
    spent = len({key for each in earlier for key in each.items})
    if spent >= asked.budget:
        raise PlanRefused(
            f"the budget of {asked.budget} is spent: {spent} items were handed out; raise --budget"
        )
    known = sorted(set(pool.sources))
    if unknown := [name for name in asked.caps if name not in known]:
        raise PlanRefused(f"{pool.path}: no source {unknown[0]!r} to cap; the sources are {', '.join(known)}")
    return spent


def _left(
    pool: Pool,
    labelled: Labelled,
    earlier: Sequence[Earlier],
    seen: Signatures | None,
    progress: Progress,
) -> Fresh:
    taken = labelled.taken(key for each in earlier for key in each.items)
    left = fresh(pool, taken if seen is None else replace(taken, seen=seen), progress)
    if not len(left):
        before = "" if seen is None else ", or the model was made from them"
        raise PlanRefused(
            f"{pool.path}: all {len(pool)} rows, or near-duplicates of them, were handed out before{before}"
        )
    return left


def _wave(
    pool: Pool,
    left: Fresh,
    signs: Signs,
    asked: Asked,
    *,
    lacking: Mapping[str, int],
    known: Sequence[str],
    size: int,
    number: int,
) -> Wave:
    seed = (asked.seed, number)
    if signs.answers is None:
        return choose(pool, left, signs.scores, size=size, lacking=lacking, caps=asked.caps, seed=seed)
    return choose_by_model(
        pool,
        left,
        signs.answers,
        size=size,
        lacking=lacking,
        caps=asked.caps,
        seed=seed,
        labelled=known,
    )
