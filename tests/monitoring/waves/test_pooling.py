"""Draws of several batches make one sample, each with what it stands for."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.waves.batches import Batch
from monitoring.waves.pooling import pool
from monitoring.waves.usable import Rules, told
from tests.support.drawn import CLASSES, EPOCH, MODEL, One, batch, ones

RULES = Rules(CLASSES, frozenset({MODEL}))


def test_items_chosen_by_score_stand_for_nothing() -> None:
    """Ten draws of a thousand stand for a hundred each, whatever else the batch holds."""
    found = pool([batch("b", ones(1, 9), occurrences=1_000, certain=ones(50, 0))], RULES)
    assert found.weights.tolist() == pytest.approx([100.0] * 10)
    assert found.effective == pytest.approx(10.0)


def test_draws_alike_are_one_item_that_tells_as_much_as_all_of_them() -> None:
    """Five draws of one template weigh five times a draw, and count as five."""
    found = pool([batch("b", [One("fraud", dup_count=5), *ones(0, 5)], occurrences=1_000)], RULES)
    assert found.weights[0] == pytest.approx(500.0)
    assert found.effective == pytest.approx(10.0)


def test_the_labelled_stand_for_those_without_a_label() -> None:
    """Eight of ten drawn have one: each stands for 125 in the place of 100."""
    silent = [One(None, state="open"), One(None, state="skipped")]
    found = pool([batch("b", [*ones(1, 7), *silent], occurrences=1_000)], RULES)
    assert found.weights.tolist() == pytest.approx([125.0] * 8)


def test_traffic_of_different_times_adds_up() -> None:
    """Ten draws of a thousand and ten of another ten thousand stand for eleven thousand."""
    first = batch("a", ones(1, 9), occurrences=1_000)
    second = batch("b", ones(1, 9), occurrences=10_000, first=1, last=1)
    found = pool([second, first], RULES)
    assert [line.batch_id for line in found.used] == ["a", "b"]
    assert found.weights.sum() == pytest.approx(11_000)
    assert found.effective == pytest.approx(11_000**2 / (10 * 100**2 + 10 * 1_000**2))


def test_a_second_batch_of_the_same_time_makes_one_larger_sample() -> None:
    """Ten of a thousand and ten more are twenty of a thousand, not of two thousand."""
    first = batch("a", ones(1, 9), occurrences=1_000)
    second = batch("b", ones(1, 9), occurrences=1_000, drawn_before=10)
    assert pool([first, second], RULES).weights.tolist() == pytest.approx([50.0] * 20)
    alone = pool([second], RULES).weights
    assert alone.tolist() == pytest.approx([99.0] * 10)


def test_a_skipped_item_that_was_drawn_again_is_there_once() -> None:
    """The occurrence got its label in the second batch; it is not missing from the first."""
    first = batch("a", [One(None, key="x", state="skipped"), *ones(0, 4)], occurrences=100)
    second = batch("b", [One("fraud", key="x"), *ones(0, 4)], occurrences=100, drawn_before=4)
    found = pool([first, second], RULES)
    assert [item.key for item in found.items].count("x") == 1
    assert found.weights.sum() == pytest.approx(100, rel=0.15)


@pytest.mark.parametrize("ends", [(4, 4, 4), (2, 4, 6), (6, 2, 4)], ids=["same", "growing", "mixed"])
def test_totals_of_overlapping_batches_are_unbiased(ends: tuple[int, int, int]) -> None:
    """Batches of overlapping times, drawn as the product draws, estimate size and frauds of all the time."""
    rng = np.random.default_rng(3)
    n, sizes, frauds = 1_200, [], []
    epoch = np.sort(rng.integers(0, max(ends), n))
    fraud = rng.random(n) < np.where(epoch < 2, 0.05, 0.25)
    for _ in range(300):
        found = pool(drawn(epoch, fraud, ends, priorities=rng.random(n)), RULES)
        sizes.append(found.weights.sum())
        frauds.append(
            sum(w for w, item in zip(found.weights, found.items, strict=True) if item.label == "fraud")
        )
    for values, truth in ((sizes, n), (frauds, fraud.sum())):
        assert abs(np.mean(values) - truth) < 3 * np.std(values) / np.sqrt(300) + 0.01 * truth


def drawn(
    epoch: np.ndarray, fraud: np.ndarray, ends: tuple[int, ...], *, priorities: np.ndarray
) -> list[Batch]:
    """Return a batch of twenty draws for the time up to each end, passing over what was drawn before."""
    taken: set[int] = set()
    made = []
    for name, end in zip("abc", ends, strict=True):
        inside = np.flatnonzero(epoch < end)
        before = taken & set(inside.tolist())
        rows = [row for row in inside[np.argsort(priorities[inside])].tolist() if row not in before][:20]
        taken |= set(rows)
        items = [
            One("fraud" if fraud[row] else "billing", key=f"k{row}", at=float(epoch[row]) * EPOCH)
            for row in rows
        ]
        counted = {e: int((epoch == e).sum()) for e in range(end)}
        made.append(
            batch(
                name, items, occurrences=len(inside), last=end - 1, drawn_before=len(before), counted=counted
            )
        )
    return made


def test_an_item_of_the_first_moments_of_an_epoch_may_be_counted_in_the_last() -> None:
    """Workers end an epoch when they tell of it; such an item belongs to the nearest that was counted."""
    late = [One("fraud", key="late", at=4 * EPOCH + 0.5), *ones(0, 9)]
    first = batch("a", late, occurrences=100, last=3)
    second = batch("b", ones(1, 9), occurrences=90, last=3, drawn_before=10)
    found = pool([first, second], RULES)
    assert len(found.items) == 20
    assert found.weights.sum() == pytest.approx(100)


def test_an_epoch_that_earlier_draws_used_up_is_theirs() -> None:
    """The second batch draws from two of three epochs; the first stands for the third by itself."""
    counts = {0: 100, 1: 100, 2: 100}
    first = batch("a", [One("fraud"), *ones(0, 19)], occurrences=100, counted={0: 100})
    second = batch("b", [One("billing", at=EPOCH), *[One("billing", at=2 * EPOCH)] * 3], occurrences=200)
    manifest = {
        **second.manifest,
        "epochs": {**told(second, "epochs"), "last": 2, "items": {"email": counts}},
        "sources": {"email": {**told(second, "sources")["email"], "epochs_beyond": [0]}},
    }
    found = pool([first, replace(second, manifest=manifest)], RULES)
    assert found.weights.sum() == pytest.approx(300)
    assert found.weights[[item.label == "fraud" for item in found.items]].tolist() == [pytest.approx(5)]
