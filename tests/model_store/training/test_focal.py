"""Tests of `model_store.training.focal`."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.sparse import csr_array, random_array
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from model_store.training.focal import Link, Objective, fit_linear

N, M, K = 60, 5, 3


def _problem(link: Link, *, sparse: bool = False) -> tuple[csr_array | np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N, M))
    if sparse:
        features = csr_array(random_array((N, M), density=0.4, rng=rng))
    if link == "sigmoid":
        return features, rng.random((N, K)) < 0.3, rng.random((N, K)) + 0.5
    return features, rng.integers(K, size=N), rng.random(N) + 0.5


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_gradient_is_the_slope(link: Link, gamma: float, sparse: bool):
    """Against finite differences, in float64."""
    features, labels, weights = _problem(link, sparse=sparse)
    objective = Objective(features, labels, weights, n_classes=K, link=link, gamma=gamma, inverse_penalty=2.0)
    at = np.random.default_rng(1).normal(size=(M + 1) * K)
    slopes = approx_fprime(at, lambda v: objective(v)[0], 1e-6)
    np.testing.assert_allclose(objective(at)[1], slopes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_the_cost_is_the_papers(link: Link):
    """Sum of w (1 - p)^2 (-log p) + |coefficients|^2 / 4, written out."""
    features, labels, weights = _problem(link)
    objective = Objective(features, labels, weights, n_classes=K, link=link, gamma=2.0, inverse_penalty=2.0)
    table = np.random.default_rng(2).normal(size=(M + 1, K))
    scores = features @ table[:-1] + table[-1]
    if link == "softmax":
        p = softmax(scores, axis=1)[np.arange(N), labels]
    else:
        p = np.where(labels, expit(scores), 1 - expit(scores))
    expected = (weights * (1 - p) ** 2 * -np.log(p)).sum() + (table[:-1] ** 2).sum() / 4
    assert objective(table.ravel())[0] == pytest.approx(expected)


def test_rows_in_several_blocks_cost_the_same(monkeypatch: pytest.MonkeyPatch):
    """A block of rows at a time only bounds the memory."""
    features, labels, weights = _problem("softmax")

    def value_and_gradient() -> tuple[float, np.ndarray]:
        objective = Objective(
            features, labels, weights, n_classes=K, link="softmax", gamma=2.0, inverse_penalty=1.0
        )
        return objective(np.linspace(-1, 1, (M + 1) * K))

    whole = value_and_gradient()
    monkeypatch.setattr("model_store.training.focal._BLOCK", 7)
    blocked = value_and_gradient()
    assert whole[0] == pytest.approx(blocked[0])
    np.testing.assert_allclose(whole[1], blocked[1])


@pytest.mark.parametrize("scale", [1.0, 200.0], ids=["usual", "certain of everything"])
def test_certainty_is_no_division_by_nothing(scale: float):
    """Where 1 - p is exactly 0 in float32 the slope is 0, with any gamma."""
    features = np.array([[1.0], [-1.0]], dtype=np.float32)
    for link, labels in (("softmax", np.array([1, 0])), ("sigmoid", np.array([[0, 1], [1, 0]], dtype=bool))):
        weights = np.ones(labels.shape, dtype=np.float32)
        objective = Objective(
            features, labels, weights, n_classes=2, link=link, gamma=0.5, inverse_penalty=1e9
        )
        value, gradient = objective(np.array([-scale, scale, 0, 0], dtype=np.float32))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_gamma_it_is_scikit_learns_logistic_regression(dtype: type):
    """The same weights, penalty and optimum: three classes by a softmax."""
    features, labels, weights = _problem("softmax")
    mine = fit_linear(
        features.astype(dtype),
        labels,
        weights,
        n_classes=K,
        link="softmax",
        inverse_penalty=2.0,
        tolerance=1e-5,
    )
    theirs = LogisticRegression(C=2.0, tol=1e-10, max_iter=1_000).fit(features, labels, sample_weight=weights)
    scores = features @ mine.coefficients + mine.intercept
    np.testing.assert_allclose(softmax(scores, axis=1), theirs.predict_proba(features), atol=2e-4)
    np.testing.assert_allclose(mine.coefficients.T, theirs.coef_, atol=2e-3)
    assert mine.converged
    assert mine.coefficients.dtype == np.float32


def test_labels_are_fitted_each_against_the_rest():
    """Side by side they are what scikit-learn fits one by one, each with its own weights."""
    features, labels, weights = _problem("sigmoid")
    mine = fit_linear(features, labels, weights, n_classes=K, link="sigmoid", tolerance=1e-6)
    for k in range(K):
        theirs = LogisticRegression(tol=1e-10).fit(features, labels[:, k], sample_weight=weights[:, k])
        np.testing.assert_allclose(mine.coefficients[:, k], theirs.coef_[0], atol=1e-3)
        assert mine.intercept[k] == pytest.approx(theirs.intercept_[0], abs=1e-3)


def test_focal_loss_minds_easy_rows_less():
    """Far fewer of its slopes come from rows that are right already, so it is less certain of them."""
    rng = np.random.default_rng(3)
    labels = (rng.random(2_000) < 0.1).astype(np.int64)
    features = (rng.normal(size=(2_000, 2)) + 2 * labels[:, None]).astype(np.float32)
    sure = []
    for gamma in (0.0, 2.0):
        fitted = fit_linear(features, labels, np.ones(2_000), n_classes=2, link="softmax", gamma=gamma)
        p = softmax(features @ fitted.coefficients + fitted.intercept, axis=1)
        sure.append(np.median(p[labels == 0, 0]))
    assert sure[1] < sure[0] - 0.05


def test_a_class_without_rows_stays_finite():
    """A fold may miss one; its intercept falls, and nothing else happens."""
    features, labels, weights = _problem("softmax")
    fitted = fit_linear(features, np.minimum(labels, 1), weights, n_classes=3, link="softmax")
    assert np.isfinite(fitted.coefficients).all()
    assert softmax(features @ fitted.coefficients + fitted.intercept, axis=1)[:, 2].max() < 0.05
