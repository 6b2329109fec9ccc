"""Tests of `model_store.calibration`."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from model_store.calibration import Calibration, calibration_digest, classwise_ece
from model_store.canonical import canonical_json


@given(
    k=st.integers(2, 9),
    n=st.integers(1, 6),
    link=st.sampled_from(["softmax", "sigmoid"]),
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.1, 3.0, 200.0]),
)
@settings(max_examples=60, deadline=None)
def test_rows_are_probabilities(k: int, n: int, link: str, seed: int, spread: float):
    """Calibrated rows are float32, above 0 and sum to 1, also for certain and impossible classes."""
    rng = np.random.default_rng(seed)
    log_p = log_softmax(rng.normal(0, spread, (n, k)), axis=1).astype(np.float32)
    calibration = Calibration("platt", rng.uniform(0.1, 5, k), rng.normal(0, 3, k), link, {})
    p = calibration.apply(log_p)
    assert p.dtype == np.float32
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)


@given(link=st.sampled_from(["softmax", "sigmoid"]), k=st.integers(2, 160), seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_row_does_not_depend_on_the_rows_beside_it(link: str, k: int, seed: int):
    """One item alone gets the very bytes it gets in a batch."""
    rng = np.random.default_rng(seed)
    log_p = log_softmax(rng.normal(0, 3, (7, k)), axis=1).astype(np.float32)
    calibration = Calibration("platt", rng.uniform(0.1, 5, k), rng.normal(0, 3, k), link, {})
    together = calibration.apply(log_p)
    alone = np.concatenate([calibration.apply(log_p[i : i + 1]) for i in range(7)])
    assert together.tobytes() == alone.tobytes()


def test_apply_leaves_its_input_alone():
    """The classifier's output is not overwritten."""
    log_p = log_softmax(np.random.default_rng(0).normal(0, 2, (5, 3)), axis=1).astype(np.float32)
    for link in ("softmax", "sigmoid"):
        before = log_p.copy()
        Calibration("platt", np.full(3, 2.0), np.ones(3), link, {}).apply(log_p)
        assert (log_p == before).all()


def test_json_round_trip_keeps_every_bit():
    """Reading calibration.json gives the same constants, and its digest is that of the file's bytes."""
    rng = np.random.default_rng(8)
    log_p = log_softmax(rng.normal(0, 2, (50, 3)), axis=1).astype(np.float32)
    calibration = Calibration(
        "platt", rng.normal(1, 0.1, 3), rng.normal(0, 1, 3), "sigmoid", {"log_loss": 1 / 3}
    )
    content = canonical_json(calibration.to_json())
    again = Calibration.from_json(json.loads(content))
    assert canonical_json(again.to_json()) == content
    assert calibration_digest(again) == calibration_digest(calibration)
    assert (again.apply(log_p) == calibration.apply(log_p)).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"method": "histogram"}, "histogram"),
        ({"link": "probit"}, "probit"),
        ({"scale": [1.0]}, "one number a class"),
        ({"scale": [1.0, float("inf")]}, "finite"),
        ({"scale": ["1", "2"]}, "scale"),
        ({"bias": 3}, "bias"),
        ({"choice": []}, "choice"),
        ({"extra": 1}, "extra"),
    ],
    ids=["method", "link", "length", "infinite", "strings", "no list", "choice", "unknown key"],
)
def test_a_malformed_file_is_refused_by_name(change: dict[str, object], named: str):
    """The error says which key is wrong."""
    valid = {"method": "platt", "link": "softmax", "scale": [1.0, 2.0], "bias": [0.0, 0.0], "choice": {}}
    assert Calibration.from_json(valid).n_classes == 2
    with pytest.raises(ValueError, match=named):
        Calibration.from_json({**valid, **change})


def test_classwise_ece_of_hand_made_bins():
    """Two bins of two: |.2 - .5| and |.8 - .5| by mass .5 each give .3."""
    p = np.array([0.2, 0.2, 0.8, 0.8], dtype=np.float32)
    both = np.stack([1 - p, p], axis=1)
    labels = np.array([0, 1, 0, 1])
    np.testing.assert_allclose(classwise_ece(both, labels, bins=2), [0.3, 0.3], atol=1e-6)


def test_classwise_ece_does_not_depend_on_the_order_of_tied_rows():
    """Items with one probability share a bin, whatever order they come in."""
    p = np.full((60, 2), 0.5, dtype=np.float32)
    labels = np.repeat([0, 1], 30)
    np.testing.assert_allclose(classwise_ece(p, labels), 0, atol=1e-7)
    np.testing.assert_allclose(classwise_ece(p, labels[::-1]), 0, atol=1e-7)


def test_classwise_ece_sees_a_rare_class_that_top_label_ece_hides():
    """A class at 2 % that is always given 10 % shows as .08."""
    p = np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (1_000, 1))
    labels = (np.arange(1_000) < 20).astype(np.int64)
    np.testing.assert_allclose(classwise_ece(p, labels), [0.08, 0.08], atol=1e-6)
