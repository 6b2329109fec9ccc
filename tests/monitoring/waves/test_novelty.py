"""What was never labelled, and what the model may be wrong about, is novel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.wordmarks import marks, matrix
from monitoring.waves import novelty as novel
from monitoring.waves.novelty import MOST_RATIO, among_alike, log_ratio, novelty

OLD = ["invoice", "refund", "parcel", "delivery", "courier", "password", "login", "account", "tariff", "fee"]
NEW = ["voucher", "crypto", "wallet", "seed", "phrase", "airdrop", "token", "ledger", "miner", "swap"]


def texts(n: int, words: list[str], *, seed: int) -> list[str]:
    """Return n texts of six of the words each."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words, 6)) for _ in range(n)]


def test_what_was_never_labelled_has_the_larger_ratio():
    """Forty of 240 candidates speak of something that no labelled text does: most of the best are they."""
    candidates = marks(texts(200, OLD, seed=1) + texts(40, NEW, seed=2))
    order = np.random.default_rng(3).permutation(240)
    found = log_ratio(candidates[order], marks(texts(200, OLD, seed=4)))
    is_new = order >= 200
    assert is_new[np.argsort(-found)[:40]].mean() > 0.6  # a sixth by chance
    assert np.median(found[is_new]) > np.median(found[~is_new]) + np.log(MOST_RATIO)


@pytest.mark.parametrize("n", [200, 2_000])
def test_traffic_like_the_labelled_is_not_new(n: int):
    """From the same words the ratio is about 1, however many were labelled: both sides weigh the same."""
    found = log_ratio(marks(texts(200, OLD, seed=5)), marks(texts(n, OLD, seed=6)))
    assert abs(np.median(found)) < 0.8


def test_of_two_as_new_the_less_sure_is_more_novel():
    """The odds of an error are added: an answer given with .99 is not worth a label."""
    candidates = marks(["voucher crypto wallet"] * 4)
    found = novelty(candidates, marks(texts(50, OLD, seed=1)), confidence=np.array([0.99, 0.6, 0.99, 0.6]))
    assert found[1] - found[0] == pytest.approx(np.log(0.4 / 0.6) - np.log(0.01 / 0.99), abs=0.2)
    assert found[3] > found[2]


def test_a_certain_answer_is_no_infinity():
    """Confidence 1 and 0 have finite odds."""
    found = novelty(marks(["a b", "c d"]), marks(["e f", "g h"]), confidence=np.array([1.0, 0.0]))
    assert np.isfinite(found).all()


def test_the_ratio_is_bounded():
    """A single odd text must not lead whatever the model says of it: at most twenty times as often counts."""
    candidates = marks(texts(300, NEW, seed=1))
    raw = log_ratio(candidates, marks(texts(300, OLD, seed=2)))
    found = novelty(candidates, marks(texts(300, OLD, seed=2)), confidence=np.full(300, 0.5))
    assert raw.max() > np.log(MOST_RATIO)
    assert found.max() == pytest.approx(np.log(MOST_RATIO))


def test_novel_ones_that_come_in_numbers_go_before_a_single_odd_one():
    """Twelve texts about one thing nobody knew, each a little novel, beat twelve that are about nothing."""
    rng = np.random.default_rng(4)
    odd = [" ".join(f"w{word}" for word in rng.integers(0, 10**6, 6)) for _ in range(12)]
    together = [" ".join(["crypto", *rng.choice(NEW, 4), rng.choice(OLD)]) for _ in range(12)]
    every = marks(texts(276, OLD, seed=1) + odd + together)
    scores = np.concatenate([rng.normal(-3.0, 1.0, 276), np.full(12, 3.0), np.full(12, 2.0)])
    found = among_alike(scores, every)
    assert set(np.argsort(-found)[:12].tolist()) == set(range(288, 300))
    assert set(np.argsort(-scores)[:12].tolist()) == set(range(276, 288))


def test_those_less_novel_come_after_in_their_order():
    """Only the best third is compared with the others; the rest keeps its order below it."""
    scores = np.random.default_rng(5).normal(size=300)
    found = among_alike(scores, marks(texts(300, OLD + NEW, seed=6)))
    best, rest = np.argsort(-scores)[:100], np.argsort(-scores)[100:]
    assert found[best].min() > found[rest].max()
    assert np.argsort(-found)[100:].tolist() == rest.tolist()


def test_those_compared_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch):
    """Means are worked out in blocks, so that memory does not grow with the square; to the bit as in one."""
    scores, each = np.random.default_rng(9).normal(size=300), marks(texts(300, OLD + NEW, seed=10))
    whole = among_alike(scores, each)
    monkeypatch.setattr(novel, "_BLOCK", 7)
    np.testing.assert_array_equal(among_alike(scores, each), whole)


@pytest.mark.parametrize("n", [5, 24, 90])
def test_the_most_novel_are_means_over_the_most_alike(n: int):
    """To the bit as when all are sorted by cosine, then by score: many of these are alike and as novel."""
    scores = np.random.default_rng(11).integers(0, 4, n).astype(np.float64)
    each = marks([" ".join(words) for words in np.random.default_rng(12).choice(NEW, (n, 2)).tolist()])
    shared = novel._uncommon(matrix(each))
    alike = (shared @ shared.T).tocsr()
    found = among_alike(scores, each)
    for row in np.argsort(-scores, kind="stable")[: max(n // 3, 1)]:
        mine = slice(*alike.indptr[row : row + 2])
        cosines, theirs = alike.data[mine], scores[alike.indices[mine]]
        first = np.lexsort((-theirs, -cosines.round(9)))[:8]
        weights = sum(cosines[first].tolist(), 0.0)
        expected = (sum((cosines[first] * theirs[first]).tolist(), 0.0) + scores.mean()) / (weights + 1.0)
        assert found[row] == expected


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_a_few_candidates_are_compared_too(n: int):
    """With fewer than the seven there is a mean over what there is, and texts without a word have one."""
    scores = np.arange(float(n))
    found = among_alike(scores, marks(["voucher swap", ""] * (n // 2) + ["token"] * (n % 2)))
    assert found.shape == (n,)
    assert np.isfinite(found).all()
    if n:
        assert int(found.argmax()) in np.argsort(-scores)[: max(n // 3, 1)]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_the_order_of_the_candidates_does_not_matter(seed: int):
    """Each has the same mean wherever it stands."""
    scores, each = np.random.default_rng(7).normal(size=90), marks(texts(90, OLD + NEW, seed=8))
    order = np.random.default_rng(seed).permutation(90)
    found = among_alike(scores, each)
    np.testing.assert_allclose(among_alike(scores[order], each[order]), found[order], rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 5), m=st.integers(0, 5))
def test_too_few_to_tell_say_nothing(n: int, m: int):
    """With fewer than two on a side nothing can be judged by what it was not fitted on."""
    found = log_ratio(marks(texts(n, NEW, seed=1)), marks(texts(m, OLD, seed=2)))
    assert found.shape == (n,)
    assert bool(found.any()) is (n >= 2 and m >= 2)
