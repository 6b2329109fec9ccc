"""Whether a class is as common in one batch's traffic as in another's."""

import numpy as np

from monitoring.waves.steadiness import unsteady


def test_a_class_that_moved_is_named_and_the_others_are_not() -> None:
    """Twelve of fifty against none, beside a class with the same share in both."""
    batch = np.repeat([0, 1], 50)
    moved, steady = np.arange(100) < 12, np.arange(100) % 5 == 0
    assert unsteady({"moved": moved, "steady": steady}, batch, np.ones(100)) == ("moved",)


def test_chance_alone_names_a_class_as_seldom_as_promised() -> None:
    """Equal shares in four batches: at most two of a hundred runs, where one is promised."""
    rng = np.random.default_rng(1)
    batch = np.repeat(np.arange(4), 40)
    named = [
        bool(unsteady({"rare": rng.random(160) < 0.05, "often": rng.random(160) < 0.4}, batch, np.ones(160)))
        for _ in range(200)
    ]
    assert np.mean(named) <= 0.03


def test_one_batch_has_nothing_to_differ_from() -> None:
    """Nor have none."""
    assert unsteady({"a": np.array([True, False])}, np.zeros(2, np.intp), np.ones(2)) == ()
    assert unsteady({"a": np.zeros(0, np.bool_)}, np.zeros(0, np.intp), np.ones(0)) == ()
