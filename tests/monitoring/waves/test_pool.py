"""A pool ranks for each slice what plain Python would, and counts what nobody could recognise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.signatures import minhash
from model_store.policy import DECISIONS, NO_CLASS, NO_CLASS_PASSES
from monitoring.recording.candidate import Candidate
from monitoring.recording.ranking import nearness
from monitoring.waves.columns import Columns
from monitoring.waves.pool import Pool, pool_of
from tests.support.candidates import CLASSES, candidate, candidates

THRESHOLDS = np.full(3, 0.5)


def pool(each: list[Candidate]) -> Pool:
    """Return a pool of candidates for the classes of these tests."""
    return pool_of(Columns.of(each, n_classes=len(CLASSES)), thresholds=THRESHOLDS)


def coarse(n: int, *, seed: int) -> list[Candidate]:
    """Return n candidates of few probabilities and times, so that many rank alike; some pass no class."""
    rng = np.random.default_rng(seed)
    return [
        candidate(
            f"k{i}",
            (rng.multinomial(4, [0.5, 0.3, 0.2]) / 4).tolist(),
            at=float(rng.integers(3)),
            priority=float(rng.integers(3)) / 4,
            decision=int(rng.integers(len(DECISIONS))),
            kinds=frozenset({"random:chat"} if rng.random() < 0.3 else {"top:a"}),
        )
        for i in range(n)
    ]


def in_order(each: list[Candidate], worth: dict[int, float]) -> list[int]:
    """Return the rows by worth, the largest first, then by arrival, priority and key."""
    return sorted(worth, key=lambda row: (-worth[row], each[row].at, each[row].priority, each[row].key))


def doubt(one: Candidate) -> float:
    """Return 1 minus the margin of the best two."""
    second, first = sorted(one.probabilities.tolist())[-2:]
    return float(1 - (first - second))


def test_a_row_is_signed_once_however_often_it_is_asked_for() -> None:
    """By its text; of those asked for together, in the order asked for, repeats included. Of none, none."""
    mine = pool(candidates(5, n_texts=5, seed=1))
    texts = [text or "" for text in mine.columns.texts]
    assert mine.signatures([]).shape == (0, 64)
    assert (mine.signatures([3, 1, 3]) == minhash([texts[3], texts[1], texts[3]])).all()
    assert sorted(mine.signed) == [1, 3]
    mine.signed[1] = marker = minhash(["kept as it is"])[0]
    assert (mine.signatures([0, 1]) == np.stack([minhash([texts[0]])[0], marker])).all()


def test_what_nobody_could_recognise_is_left_out_and_counted() -> None:
    """A text or an id is enough; of one key the occurrence that stands for it decides."""
    each = [
        candidate("a", item_id="a"),
        candidate("b", item_id="b", text=None),
        candidate("c"),
        candidate("d", text=None),
        candidate("e", at=1.0),
        candidate("e", text=None, at=2.0),
    ]
    found = pool(each)
    assert found.rows.tolist() == [0, 1, 2]
    assert found.without_text_or_id == 2


def test_random_draws_are_in_the_pool_and_not_scored() -> None:
    """What is held for the sample alone is chosen by no score."""
    each = candidates(30, n_texts=30, seed=1)
    found = pool(each)
    assert found.rows.tolist() == list(range(30))
    assert found.scored.tolist() == [row for row in range(30) if row % 3]


@pytest.mark.parametrize("multilabel", [False, True])
def test_uncertainty_is_worked_out_the_same_in_every_block(multilabel: bool) -> None:
    """Nine thousand rows of three classes: the margin of each, or how near a threshold it is."""
    rng = np.random.default_rng(2)
    columns = Columns.of(
        [candidate(f"k{i}", p) for i, p in enumerate(rng.dirichlet([0.6] * 3, 9_000).tolist())], n_classes=3
    )
    thresholds = np.array([0.5, 0.4, 0.1])
    found = pool_of(columns, thresholds=thresholds, multilabel=multilabel)
    p = columns.probabilities
    ranked = np.sort(p.astype(np.float64), axis=1)
    expected = nearness(p, thresholds) if multilabel else 1 - (ranked[:, 2] - ranked[:, 1])
    np.testing.assert_allclose(found.uncertainty, expected, atol=1e-7)
    np.testing.assert_array_equal(found.top, p.argmax(axis=1))


def test_two_classes_are_uncertain_near_their_threshold() -> None:
    """Thresholds of .9 and .1: an item of .85 and .15 is nearer to them than one of .5 each."""
    each = [candidate("even", (0.5, 0.5)), candidate("near", (0.85, 0.15))]
    found = pool_of(Columns.of(each, n_classes=2), thresholds=np.array([0.9, 0.1]))
    assert found.uncertain(most=2).tolist() == [1, 0]


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 120),
    seed=st.integers(0, 1000),
    most=st.dictionaries(st.sampled_from([*CLASSES, NO_CLASS]), st.integers(0, 130)),
)
def test_each_slice_is_ranked_as_plain_python_would(n: int, seed: int, most: dict[str, int]) -> None:
    """The most probable of each class, and of those that no class passes the most uncertain."""
    each = coarse(n, seed=seed)
    mine = pool(each)
    scored = [row for row, one in enumerate(each) if one.kinds != {"random:chat"}]
    found = mine.of_classes(most, CLASSES)
    assert list(found) == list(most)
    for name, wanted in most.items():
        if name == NO_CLASS:
            worth = {row: doubt(each[row]) for row in scored if each[row].decision == NO_CLASS_PASSES}
        else:
            worth = {row: float(each[row].probabilities[CLASSES.index(name)]) for row in scored}
        assert found[name].tolist() == in_order(each, worth)[:wanted]
    every = in_order(each, {row: doubt(each[row]) for row in scored})
    assert mine.uncertain(most=7).tolist() == every[:7]


@settings(max_examples=50, deadline=None)
@given(n=st.integers(0, 60), seed=st.integers(0, 100), most=st.integers(0, 70))
def test_around_are_draws_of_the_smallest_priorities(n: int, seed: int, most: int) -> None:
    """The most uncertain of these first, whatever is held for its score; what is taken is passed over."""
    each, taken = coarse(n, seed=seed), {f"k{i}" for i in range(0, n, 4)}
    drawn = {
        row: -one.priority
        for row, one in enumerate(each)
        if "random:chat" in one.kinds and one.key not in taken
    }
    some = in_order(each, drawn)[:most]
    expected = in_order(each, {row: doubt(each[row]) for row in some})
    assert pool(each).around(most=most, taken=taken).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(n=st.integers(0, 80), seed=st.integers(0, 1000), most=st.integers(0, 40), of_class=st.integers(0, 20))
def test_capped_rows_are_the_most_uncertain_but_for_the_cap(
    n: int, seed: int, most: int, of_class: int
) -> None:
    """Scored rows fall into one part for each most probable class; of each part the first few count."""
    each = coarse(n, seed=seed)
    mine = pool(each)
    parts = mine.by_top()
    assert sorted(row for part in parts for row in part.tolist()) == mine.scored.tolist()
    assert all(len({int(mine.top[row]) for row in part.tolist()}) == 1 for part in parts if len(part))
    expected: list[int] = []
    for row in in_order(each, {row: doubt(each[row]) for row in mine.scored.tolist()}):
        if sum(mine.top[other] == mine.top[row] for other in expected) < of_class:
            expected.append(row)
    assert mine.capped(parts, most=most, most_of_class=of_class).tolist() == expected[:most]


def test_many_rows_are_ranked_like_few() -> None:
    """Ten thousand rows, of which a bar keeps a few: the forty most probable of each class all the same."""
    rng = np.random.default_rng(3)
    p = rng.dirichlet([0.6] * 3, 10_000).astype(np.float32)
    mine = pool([candidate(f"k{i}", row, at=float(i)) for i, row in enumerate(p.tolist())])
    for name, rows in mine.of_classes(dict.fromkeys(CLASSES, 40), CLASSES).items():
        expected = np.argsort(-p[:, CLASSES.index(name)], kind="stable")[:40]
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize("watched", [[7], [39, 0, 7, 20], list(range(40))], ids=["one", "few", "all"])
def test_of_many_classes_some_are_ranked_like_all(watched: list[int]) -> None:
    """Of forty classes few are read column by column: the same rows, those held as draws passed over."""
    rng, names = np.random.default_rng(4), [f"class {k}" for k in range(40)]
    p = (rng.multinomial(12, np.full(40, 1 / 40), 6_000) / 12).astype(np.float32)
    drawn = rng.random(6_000) < 0.3
    kinds = [frozenset({"random:chat"} if each else {"uncertain"}) for each in drawn.tolist()]
    each = [candidate(f"k{i}", p[i].tolist(), at=float(i), kinds=kinds[i]) for i in range(6_000)]
    mine = pool_of(Columns.of(each, n_classes=40), thresholds=np.full(40, 0.5))
    found = mine.of_classes({names[k]: 25 for k in watched}, names)
    for k in watched:
        expected = np.argsort(-np.where(drawn, -1.0, p[:, k]), kind="stable")[:25]
        np.testing.assert_array_equal(found[names[k]], expected)


def test_without_labelled_items_nothing_is_novel() -> None:
    """Nothing says what is known."""
    assert pool(candidates(50, n_texts=50, seed=4)).novel(None, most=5) is None
