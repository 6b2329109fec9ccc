"""Counting pairs of answers: agreement, classes, changes."""

from itertools import product

import pytest

from monitoring.shadowing.tally import MOST_CHANGES, Tally


def test_agreement_is_a_share_of_the_traffic_with_its_interval() -> None:
    """Two items that stand for nine each outweigh two that stand for one each; the interval holds it."""
    tally = Tally()
    for weight in (9.0, 9.0):
        tally.add(("a",), ("a",), weight=weight)
    for weight in (1.0, 1.0):
        tally.add(("a",), ("b",), weight=weight)
    agreement = tally.agreement()
    assert agreement is not None
    assert agreement["ratio"] == pytest.approx(0.9)
    assert agreement["low"] < 0.9 < agreement["high"]


def test_the_interval_of_equal_weights_is_clopper_pearson() -> None:
    """Ten of ten alike: the lower bound is the 0.025 quantile, 0.025 ** (1 / 10)."""
    tally = Tally()
    for _ in range(10):
        tally.add(("a",), ("a",), weight=3.0)
    agreement = tally.agreement()
    assert agreement is not None
    assert agreement["low"] == pytest.approx(0.025 ** (1 / 10))
    assert agreement["high"] == 1.0


def test_without_items_nothing_is_claimed() -> None:
    """No item, no agreement."""
    assert Tally().agreement() is None


def test_every_class_counts_who_named_it() -> None:
    """Several labels are classes of their own, and an item without any counts as no class passing."""
    tally = Tally()
    tally.add(("a", "b"), ("b",), weight=2.0)
    tally.add((), ("a",), weight=1.0)
    counted = {
        name: (count.both.items, count.only_live.items, count.only_candidate.items)
        for name, count in tally.classes.items()
    }
    assert counted == {"a": (0, 1, 1), "b": (1, 0, 0), "no_class_passes": (0, 1, 0)}
    assert {pair: count.items for pair, count in tally.changes.items()} == {
        (("a", "b"), ("b",)): 1,
        ((), ("a",)): 1,
    }


def test_a_tally_comes_back_equal() -> None:
    """What is stored counts on as if it had never been stored."""
    tally = Tally()
    tally.add(("a",), ("b",), weight=2.5)
    tally.add((), (), weight=1.5)
    again = Tally.from_json(tally.to_json())
    assert again.to_json() == tally.to_json()
    assert again.agreement() == tally.agreement()
    assert Tally.from_json({}).all.items == 0


def test_changes_stay_bounded_and_no_item_is_lost() -> None:
    """Beyond so many different pairs only the pairs are not told apart any more."""
    tally = Tally()
    names = [f"c{k}" for k in range(30)]
    for live, candidate in product(names, names):
        tally.add((live,), (candidate,), weight=1.0)
    assert len(tally.changes) == MOST_CHANGES
    assert tally.all.items == 900
    assert tally.agreed.items == 30
