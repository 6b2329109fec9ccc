"""The sample a proposed version is asked about: exact at every moment, however far the answering is."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.shadowing.answers import Answer
from monitoring.shadowing.sample import Sample
from monitoring.shadowing.tally import Tally
from monitoring.store.shadows import Drawn, Strata

NOBODY = np.zeros(2, np.float32)
DRAWS = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30, unique=True)


def strata(priorities: Sequence[float], *, size: int, kept: int, epoch: int = 7) -> Strata:
    """Return one stratum of `size` occurrences with the smallest of these draws."""
    drawn = tuple(Drawn(row, at, 0, 0, NOBODY) for row, at in sorted(enumerate(priorities), key=_draw))
    return Strata({(epoch, "other"): drawn[:kept]}, {(epoch, "other"): size})


def _draw(entry: tuple[int, float]) -> float:
    return entry[1]


def live(_drawn: Drawn) -> Answer:
    """Return the same answer to everything."""
    return ("a",)


def counted(sample: Sample) -> Tally:
    """Return what the sample says now."""
    tally = Tally()
    sample.count(tally)
    return tally


@given(DRAWS, st.integers(1, 12), st.integers(1, 5), st.randoms(use_true_random=False))
def test_however_it_is_answered_the_sample_is_the_smallest_draws(
    draws: list[float], kept: int, at_once: int, chance: object
) -> None:
    """Traffic that comes in any pieces, answered in any steps, ends with the same draws, each once."""
    sample, seen = Sample(), []
    for n in range(1, len(draws) + 1):
        seen.append(draws[n - 1])
        sample.take(strata(seen, size=n, kept=kept), per_stratum=kept, live=live)
        for each in sample.unanswered(at_once if n % 2 else 0):
            each.candidate = ("a",)
        sample = Sample.from_json(sample.to_json())
    while waiting := sample.unanswered(at_once):
        for each in waiting:
            each.candidate = ("a",)
    (asked,) = sample.asked.values()
    assert [each.priority for each in asked] == sorted(draws)[:kept]
    tally = counted(sample)
    assert tally.all.items == min(kept, len(draws))
    assert tally.all.weight == pytest.approx(len(draws))


def test_only_draws_before_the_first_that_waits_count() -> None:
    """A larger draw that was answered earlier would favour what came early."""
    sample = Sample()
    sample.take(strata([0.5], size=1, kept=5), per_stratum=5, live=live)
    for each in sample.unanswered(9):
        each.candidate = ("b",)
    sample.take(strata([0.5, 0.1, 0.9], size=3, kept=5), per_stratum=5, live=live)
    assert counted(sample).all.items == 0
    (first, *_) = sample.unanswered(9)
    first.candidate = ("a",)
    tally = counted(sample)
    assert (tally.all.items, tally.all.weight, tally.agreed.weight) == (2, 3.0, 1.5)


def test_a_sample_is_unbiased_over_strata_of_any_size() -> None:
    """A source with a tenth of the slots' share of its traffic weighs as much as it has traffic."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(300):
        sample = Sample()
        for source, size, share in (("chat", 400, 0.5), ("email", 40, 0.0)):
            draws = rng.random(size)
            differs = rng.permutation(size) < share * size
            drawn = tuple(Drawn(int(k), float(draws[k]), 0, 0, NOBODY) for k in np.argsort(draws)[:20])
            sample.take(Strata({(1, source): drawn}, {(1, source): size}), per_stratum=20, live=live)
            for each in sample.asked[1, source]:
                each.candidate = ("b",) if differs[each.row] else ("a",)
        found.append(counted(sample).agreed.weight / 440)
    # 240 of 440 answers are alike; the standard error of the mean of 300 draws is 0.006.
    assert np.mean(found) == pytest.approx(240 / 440, abs=0.018)


def test_past_epochs_move_into_the_tally_once() -> None:
    """What grows no more is counted for good and forgotten."""
    sample, tally = Sample(), Tally()
    sample.take(strata([0.2, 0.4], size=10, kept=5), per_stratum=5, live=live)
    for each in sample.unanswered(9):
        each.candidate = ("a",)
    sample.close(tally, before=7)
    assert tally.all.items == 0
    sample.close(tally, before=8)
    sample.close(tally, before=8)
    assert (tally.all.items, tally.all.weight) == (2, 10.0)
    assert counted(sample).all.items == 0


def test_what_cannot_be_answered_is_left_out() -> None:
    """An item that was erased meanwhile holds up nothing."""
    sample = Sample()
    sample.take(strata([0.2, 0.4], size=10, kept=5), per_stratum=5, live=live)
    first, second = sample.unanswered(9)
    second.candidate = ("a",)
    sample.forget([first])
    assert (counted(sample).all.items, counted(sample).all.weight) == (1, 10.0)
