"""Tests of `model_store.calibrating.calibration`."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax
from scipy.special import logit as exact_logit

from model_store.bundles.canonical import canonical_json
from model_store.calibrating.brokenlines import Line
from model_store.calibrating.calibration import Calibration, calibration_digest, logit

LINKS = st.sampled_from(["softmax", "sigmoid", "independent", "beta", "isotonic", "labels"])


def _calibration(link: str, k: int, rng: np.random.Generator) -> Calibration:
    """Return constants as they may come, also far from what a fit gives; every class rises."""
    scale, bias = rng.uniform(0.1, 5, k), rng.normal(0, 3, k)
    rest = rng.uniform(0.1, 5, k)
    lines = tuple(Line(np.array([-9.0, 0.0, 2.0]), np.array([-3.0, -1.0, 2.5])) for _ in range(k))
    match link:
        case "beta":
            return Calibration("beta", scale, bias, "sigmoid", {}, rest)
        case "isotonic":
            return Calibration("isotonic", np.ones(k), np.zeros(k), "sigmoid", {}, lines=lines)
        case "labels":
            some = (None, *lines[1:])
            return Calibration("isotonic", np.ones(k), np.zeros(k), "independent", {}, rest, some)
        case _:
            return Calibration("platt", scale, bias, link, {})


def _log_p(n: int, k: int, rng: np.random.Generator, spread: float = 3.0) -> np.ndarray:
    return log_softmax(rng.normal(0, spread, (n, k)), axis=1).astype(np.float32)


@given(
    k=st.integers(2, 9),
    n=st.integers(1, 6),
    link=LINKS,
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.1, 3.0, 200.0]),
)
@settings(max_examples=100, deadline=None)
def test_rows_are_probabilities(k: int, n: int, link: str, seed: int, spread: float):
    """Calibrated numbers are float32 above 0, also for certain and impossible classes; rows sum to 1."""
    rng = np.random.default_rng(seed)
    p = _calibration(link, k, rng).apply(_log_p(n, k, rng, spread))
    assert p.dtype == np.float32
    assert ((p > 0) & (p <= 1)).all()
    if link not in ("independent", "labels"):
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)


@given(link=LINKS, k=st.integers(2, 160), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_row_does_not_depend_on_the_rows_beside_it(link: str, k: int, seed: int):
    """One item alone gets the very bytes it gets in a batch."""
    rng = np.random.default_rng(seed)
    calibration, log_p = _calibration(link, k, rng), _log_p(7, k, rng)
    together = calibration.apply(log_p)
    alone = np.concatenate([calibration.apply(log_p[i : i + 1]) for i in range(7)])
    assert together.tobytes() == alone.tobytes()


@given(link=st.sampled_from(["independent", "beta", "isotonic", "labels"]), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_class_of_its_own_rises_with_its_score(link: str, seed: int):
    """Against the rest, before rows are divided by their sum: a larger p never becomes a smaller one."""
    rng = np.random.default_rng(seed)
    c = _calibration(link, 3, rng)
    own = Calibration(c.method, c.scale, c.bias, "independent", {}, c.rest, c.lines)
    rising = np.sort(np.log(rng.random((200, 3))).astype(np.float32), axis=0)
    assert (np.diff(own.apply(rising), axis=0) >= 0).all()


def test_the_formulas_are_those_of_the_docstring():
    """In double precision and written out, for each link and form."""
    rng = np.random.default_rng(5)
    log_p = _log_p(20, 3, rng)
    x = log_p.astype(np.float64)
    rest = np.log(-np.expm1(x))
    beta, isotonic = _calibration("beta", 3, rng), _calibration("isotonic", 3, rng)
    own = expit(beta.scale * x - beta.rest * rest + beta.bias)
    np.testing.assert_allclose(beta.apply(log_p), own / own.sum(axis=1, keepdims=True), rtol=2e-5)
    assert isotonic.lines is not None
    sent = np.column_stack(
        [np.interp(x[:, k] - rest[:, k], line.x, line.y) for k, line in enumerate(isotonic.lines)]
    )
    inside = ((x - rest > -9) & (x - rest < 2)).all(axis=1)
    own = expit(sent)
    np.testing.assert_allclose(
        isotonic.apply(log_p)[inside], (own / own.sum(axis=1, keepdims=True))[inside], rtol=2e-5
    )


@pytest.mark.parametrize("link", ["softmax", "sigmoid", "independent"])
def test_identity_changes_nothing(link: str):
    """Whatever the link; rows of several labels stay as they are."""
    log_p = _log_p(50, 3, np.random.default_rng(0))
    if link == "independent":
        log_p = log_p * np.float32(0.3)
    np.testing.assert_allclose(Calibration.identity(3, link=link).apply(log_p), np.exp(log_p), atol=1e-6)


def test_one_label_is_enough_where_labels_are_independent():
    """One class of one label an item would be no question."""
    assert Calibration.identity(1, link="independent").apply(np.log(np.float32([[0.25]]))) == 0.25
    with pytest.raises(ValueError, match="one number a class"):
        Calibration.identity(1)


def test_apply_leaves_its_input_alone():
    """The classifier's output is not overwritten."""
    rng = np.random.default_rng(0)
    log_p = _log_p(5, 3, rng)
    for link in ("softmax", "sigmoid", "independent", "beta", "isotonic", "labels"):
        before = log_p.copy()
        _calibration(link, 3, rng).apply(log_p)
        assert (log_p == before).all()


@pytest.mark.parametrize("link", ["softmax", "sigmoid", "beta", "isotonic", "labels"])
def test_json_round_trip_keeps_every_bit(link: str):
    """Reading calibration.json gives the same constants, and its digest is that of the file's bytes."""
    rng = np.random.default_rng(8)
    calibration, log_p = _calibration(link, 3, rng), _log_p(50, 3, rng)
    content = canonical_json(calibration.to_json())
    again = Calibration.from_json(json.loads(content))
    assert canonical_json(again.to_json()) == content
    assert calibration_digest(again) == calibration_digest(calibration)
    assert again.apply(log_p).tobytes() == calibration.apply(log_p).tobytes()


def test_a_file_of_format_1_is_read_as_it_was_meant():
    """It has neither rests nor lines, and its joint form was called platt."""
    old = {"method": "platt", "link": "softmax", "scale": [2.0] * 3, "bias": [0.0, 1.0, -1.0], "choice": {}}
    calibration = Calibration.from_json(old)
    log_p = _log_p(20, 3, np.random.default_rng(1))
    expected = np.exp(log_softmax(2.0 * log_p.astype(np.float64) + np.array([0.0, 1.0, -1.0]), axis=1))
    np.testing.assert_allclose(calibration.apply(log_p), expected, rtol=1e-5)
    assert calibration.to_json() == {**old, "rest": None, "lines": None}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"method": "histogram"}, "histogram"),
        ({"link": "probit"}, "probit"),
        ({"scale": [1.0]}, "one number a class"),
        ({"scale": [1.0, float("inf")]}, "finite"),
        ({"scale": ["1", "2"]}, "scale"),
        ({"bias": 3}, "bias"),
        ({"rest": [1.0]}, "rest"),
        ({"rest": [1.0, float("nan")]}, "finite"),
        ({"rest": [1.0, 1.0], "link": "softmax"}, "none with the link softmax"),
        ({"lines": {}}, "lines"),
        ({"lines": [None]}, "one or null a class"),
        ({"lines": [None, [[1.0, 0.0], [0.0, 1.0]]]}, "ascending"),
        ({"method": "isotonic"}, "expected its lines"),
        ({"choice": []}, "choice"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_malformed_file_is_refused_by_name(change: dict[str, object], named: str):
    """The error says which key is wrong."""
    valid = {
        "method": "platt",
        "link": "sigmoid",
        "scale": [1.0, 2.0],
        "rest": None,
        "bias": [0.0, 0.0],
        "lines": None,
        "choice": {},
    }
    assert Calibration.from_json(valid).n_classes == 2
    with pytest.raises(ValueError, match=named):
        Calibration.from_json({**valid, **change})


def test_log_odds_are_exact_and_finite_at_the_ends():
    """A probability that float32 rounds to 1 or 0 has large log-odds, not infinite ones."""
    p = np.array([1e-30, 1e-6, 0.3, 0.999])
    np.testing.assert_allclose(logit(np.log(p).astype(np.float32)), exact_logit(p), rtol=1e-4)
    ends = logit(np.array([0.0, -np.inf], dtype=np.float32))
    assert np.isfinite(ends).all()
    assert ends[0] > 15
    assert ends[1] < -79
