"""An audit: chances add up, grow with the probability, and the weights count the traffic."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from monitoring.recording.reservoir import Candidate
from monitoring.waves.audit import EVEN, audit, chances_of
from monitoring.waves.columns import Columns
from monitoring.waves.exploration import Draws
from monitoring.waves.strata import strata_of
from tests.support.occurrences import occurrence


def held(rng: np.random.Generator, p: npt.NDArray[np.float64]) -> list[Candidate]:
    """Return an occurrence for each probability of the first class, two epochs, all in a random slot."""
    drawn = rng.random(len(p))
    return [
        occurrence(
            i, "chat", float(drawn[i]), at=600.0 * (i % 3 == 0), p=np.array([p[i], 1 - p[i]], np.float32)
        )
        for i in range(len(p))
    ]


def audited(candidates: list[Candidate], *, size: int, seed: str = "s", most: int = 10**6) -> Draws:
    """Audit the first class of candidates that are all there was."""
    columns = Columns.of(candidates, n_classes=2)
    epochs = columns.epochs.tolist()
    strata = strata_of(columns, {"chat": {e: epochs.count(e) for e in set(epochs)}}, most=most)
    return audit(columns, strata, watched=[0], size=size, seed=seed)


@settings(max_examples=100, deadline=None)
@given(
    worth=hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(0, 1)),
    size=st.integers(1, 200),
    share=st.floats(0.01, 1),
)
def test_the_chances_add_up_to_the_size(worth: npt.NDArray[np.float64], size: int, share: float) -> None:
    """Each is a chance, and an audit of fewer than asked takes all."""
    first = np.where(np.arange(len(worth)) % 2 == 0, 1.0, share)
    chances = chances_of(worth, first, size=size)
    assert ((chances > 0) & (chances <= 1)).all()
    assert chances.sum() == pytest.approx(min(size, len(worth)))


def test_no_occurrence_stands_for_much_more_than_in_a_plain_sample() -> None:
    """The even part bounds the weight, also of what the model is sure about."""
    worth = np.array([1e-9] * 900 + [0.9] * 100)
    chances = chances_of(worth, np.ones(1_000), size=50)
    assert chances.min() == pytest.approx(EVEN * 50 / 1_000)
    assert chances[950] / chances[0] == pytest.approx(((1 - EVEN) / 100 + EVEN / 1_000) / (EVEN / 1_000))


def test_an_audit_does_not_depend_on_the_order_of_its_input() -> None:
    """The second phase goes by what an occurrence is, not where it stands; another seed, another audit."""
    rng = np.random.default_rng(3)
    candidates = held(rng, rng.random(200))

    def keys(seed: str, order: npt.NDArray[np.intp]) -> set[tuple[str, float]]:
        draws = audited([candidates[i] for i in order], size=30, seed=seed)
        return {(one.candidate.key, one.chance) for one in draws.each}

    assert keys("a", rng.permutation(200)) == keys("a", rng.permutation(200))
    assert keys("a", np.arange(200)) != keys("b", np.arange(200))


def test_both_phases_count_the_traffic_without_bias() -> None:
    """Over 600 audits, twenty held of each epoch: weights estimate all, and those of the class."""
    rng = np.random.default_rng(4)
    p = rng.beta(0.3, 2.0, 300)
    of_class = rng.random(300) < p
    found = []
    for run in range(600):
        draws = audited(held(rng, p), size=25, seed=str(run), most=20)
        rows = [int(one.candidate.key.removeprefix("chat-")) for one in draws.each]
        weights = np.array([1 / one.chance for one in draws.each])
        found.append([weights.sum(), weights[of_class[rows]].sum(), len(rows)])
    truth = np.array([300, of_class.sum(), 25])
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - truth) < 3 * error).all()
    assert not draws.plain
