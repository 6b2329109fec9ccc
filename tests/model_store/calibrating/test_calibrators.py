"""Tests of `model_store.calibrating.calibrators`."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_softmax, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from model_store.bundles.canonical import canonical_json
from model_store.calibrating.admission import TIE
from model_store.calibrating.calibration import Method
from model_store.calibrating.calibrators import fit_calibration, fit_method
from model_store.calibrating.reliability import classwise_ece, log_loss

Log = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def _labelled(
    n: int, k: int, *, seed: int, scale: float = 1.0, bias: npt.NDArray[np.float64] | None = None
) -> tuple[Log, Labels]:
    """Return log-probabilities, and labels drawn from the posterior softmax(scale * log p + bias)."""
    rng = np.random.default_rng(seed)
    log_p = log_softmax(rng.normal(0, 1.5, (n, k)), axis=1)
    true = softmax(scale * log_p + (0 if bias is None else bias), axis=1)
    labels = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return log_p.astype(np.float32), labels


def _fewer(log_p: Log, labels: Labels, k: int, n: int) -> tuple[Log, Labels]:
    """Return the rows but for all but `n` of class k."""
    keep = np.sort(np.concatenate([np.flatnonzero(labels != k), np.flatnonzero(labels == k)[:n]]))
    return log_p[keep], labels[keep]


class Echo(ClassifierMixin, BaseEstimator):
    """A classifier whose rows are log-probabilities; scikit-learn calibrates its log-odds."""

    def fit(self, _x: Log, y: Labels) -> "Echo":
        """Learn the classes."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x: Log) -> npt.NDArray[np.float64]:
        """Return log-odds, of the second of two classes only."""
        odds = logit(np.exp(x.astype(np.float64)))
        return odds[:, 1] if x.shape[1] == 2 else odds

    def predict(self, x: Log) -> Labels:
        """Return the most probable class."""
        return self.classes_[x.argmax(axis=1)]


@pytest.mark.parametrize("k", [2, 4])
def test_platt_is_what_scikit_learn_calibrates_to(k: int):
    """One against the rest, rows divided by their sum: the same probabilities as `CalibratedClassifierCV`."""
    log_p, labels = _labelled(3_000, k, seed=21, scale=0.6, bias=np.linspace(-1, 1, k))
    check = CalibratedClassifierCV(FrozenEstimator(Echo().fit(log_p, labels)), method="sigmoid", cv=2)
    expected = check.fit(log_p, labels).predict_proba(log_p)
    np.testing.assert_allclose(fit_method("platt", log_p, labels).apply(log_p), expected, atol=3e-3)


@pytest.mark.parametrize("k", [2, 3])
def test_isotonic_is_close_to_what_scikit_learn_calibrates_to(k: int):
    """Its steps and our line through their centres differ by at most a step, and on average by little."""
    log_p, labels = _labelled(9_000, k, seed=22, scale=0.6, bias=np.linspace(-1, 1, k))
    check = CalibratedClassifierCV(FrozenEstimator(Echo().fit(log_p, labels)), method="isotonic", cv=2)
    expected = check.fit(log_p, labels).predict_proba(log_p)
    found = fit_method("isotonic", log_p, labels).apply(log_p)
    assert np.abs(found - expected).mean() < 0.01


def test_two_class_platt_agrees_with_scikit_learn():
    """On one logit, an unpenalised logistic regression on Platt's soft targets gives the same two numbers."""
    log_p, labels = _labelled(600, 2, seed=3, scale=2.0, bias=np.array([1.5, 0.0]))
    calibration = fit_method("platt", log_p, labels)
    odds = (log_p[:, 1] - log_p[:, 0]).astype(np.float64)
    positives, negatives = (labels == 1).sum(), (labels == 0).sum()
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    check = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(
        np.tile(odds, 2)[:, None],
        np.repeat([1, 0], len(odds)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    assert calibration.scale[1] == pytest.approx(check.coef_[0, 0], rel=1e-4)
    assert calibration.bias[1] - calibration.bias[0] == pytest.approx(check.intercept_[0], abs=1e-4)


@pytest.mark.parametrize("method", ["platt", "beta", "isotonic"])
def test_two_classes_are_one_question(method: Method):
    """The second class's probability is a rising function of its score, and the first has the rest."""
    log_p, labels = _labelled(3_000, 2, seed=5, scale=0.5, bias=np.array([0.8, 0.0]))
    p = fit_method(method, log_p, labels).apply(log_p)
    order = np.argsort(log_p[:, 1] - log_p[:, 0])
    assert (np.diff(p[order, 1]) >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert classwise_ece(p, labels).max() < 0.03 < classwise_ece(np.exp(log_p), labels).max()


def test_two_class_beta_is_vector_scaling():
    """A slope for log p and one for log(1 - p) are a scale of each class; only the ridge is another."""
    rng = np.random.default_rng(9)
    log_p = log_softmax(rng.normal(0, 1.5, (20_000, 2)), axis=1)
    odds = 1.6 * log_p[:, 1] - 0.5 * log_p[:, 0] - 0.4
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    beta, vector = (fit_method(method, log_p.astype(np.float32), labels) for method in ("beta", "vector"))
    np.testing.assert_allclose(beta.scale, [0.5, 1.6], atol=0.15)
    np.testing.assert_allclose(beta.scale, vector.scale, atol=0.01)
    assert beta.bias[1] - beta.bias[0] == pytest.approx(vector.bias[1] - vector.bias[0], abs=0.01)


def test_a_bias_is_chosen_where_a_class_is_off_by_a_constant():
    """What class-weighted training does to a rare class, a scale cannot undo and a bias can."""
    log_p, labels = _labelled(8_000, 3, seed=2, bias=np.array([-3.0, 0.0, 0.0]))
    calibration = fit_calibration(log_p, labels, seed=0)
    assert calibration.method == "bcts"
    before, after = np.exp(log_p), calibration.apply(log_p)
    assert classwise_ece(after, labels).max() < 0.02 < classwise_ece(before, labels).max()
    assert log_loss(after, labels) < log_loss(before, labels)
    temperature = fit_method("temperature", log_p, labels).apply(log_p)
    assert classwise_ece(temperature, labels).max() > 0.02


def test_the_scale_alone_is_chosen_where_it_is_enough():
    """Methods with biases fit these rows as well, with more numbers."""
    log_p, labels = _labelled(20_000, 5, seed=1, scale=0.5)
    calibration = fit_calibration(log_p, labels, seed=0)
    assert calibration.method == "temperature"
    np.testing.assert_allclose(calibration.scale, 0.5, atol=0.02)


def test_what_is_not_tried_is_named_with_its_reason():
    """The class, what it has and what it needs, for a reader who knows only the card."""
    log_p, labels = _fewer(*_labelled(400, 3, seed=4), k=1, n=19)
    calibration = fit_calibration(log_p, labels, seed=0, classes=("a", "b", "c"))
    few = "class 'b' has 19 positives, 20 needed"
    assert calibration.choice["excluded"] == {
        "vector": few,
        "platt": few,
        "beta": few,
        "isotonic": "class 'b' has 19 positives, 1,000 needed",
    }
    assert f"vector, platt, beta not tried: {few}" in calibration.choice["reason"]
    assert list(calibration.choice["log_loss"]) == ["identity", "temperature", "bcts"]


def test_a_handful_of_rows_is_left_uncalibrated():
    """Below two rows a fold not even a scale is fitted."""
    log_p, labels = _labelled(9, 2, seed=5)
    calibration = fit_calibration(log_p, labels, seed=0)
    assert calibration.method == "identity"
    np.testing.assert_allclose(calibration.apply(log_p), np.exp(log_p), rtol=1e-5)


@pytest.mark.parametrize("k", [2, 4])
def test_the_chosen_method_has_the_least_cross_validated_log_loss(k: int):
    """But for a tie, and what the choice says is what was chosen."""
    log_p, labels = _labelled(3_000, k, seed=6, scale=0.7, bias=np.linspace(-1, 1, k))
    calibration = fit_calibration(log_p, labels, seed=0)
    losses = calibration.choice["log_loss"]
    assert losses[calibration.method] <= min(losses.values()) * (1 + TIE)
    assert calibration.choice["chosen"] == calibration.method
    assert calibration.choice["reason"].startswith(calibration.method)


def test_copies_of_a_row_do_not_vouch_for_it():
    """With the groups of near-duplicates every copy is held out together, and an overfit shows."""
    log_p, labels = _labelled(60, 3, seed=13)
    copies = np.repeat(np.arange(60), 30)
    alone = fit_calibration(log_p[copies], labels[copies], seed=0)
    grouped = fit_calibration(log_p[copies], labels[copies], seed=0, groups=copies)
    assert grouped.choice["log_loss"]["bcts"] > 1.05 * alone.choice["log_loss"]["bcts"]
    assert "vector" in alone.choice["log_loss"]
    assert "groups of positives, 20 needed" in grouped.choice["excluded"]["vector"]
    assert grouped.method != alone.method


def test_copies_of_a_label_admit_no_slope_of_its_own():
    """Ten texts with the label, six times each, are ten."""
    log_p, labels = _labelled(60, 2, seed=13)
    matrix = np.stack([np.arange(60) < 10, labels == 0], axis=1)
    copies = np.repeat(np.arange(60), 6)
    found = fit_calibration(log_p[copies], matrix[copies], seed=0, task="multilabel", groups=copies)
    assert (
        found.choice["labels"]["0"]["excluded"]["platt"] == "label '0' has 10 groups of positives, 20 needed"
    )
    assert "platt" in found.choice["labels"]["1"]["log_loss"]


def test_the_same_rows_and_seed_give_the_same_bytes():
    """A fit is deterministic."""
    log_p, labels = _labelled(500, 3, seed=7)
    first, second = (fit_calibration(log_p, labels, seed=3) for _ in range(2))
    assert canonical_json(first.to_json()) == canonical_json(second.to_json())


def test_the_order_of_classes_does_not_matter():
    """The same classes in another order get the same probabilities, whatever the method."""
    log_p, labels = _labelled(2_000, 3, seed=17, scale=0.7, bias=np.array([1.0, 0.0, -1.0]))
    order = np.array([2, 0, 1])
    place = np.argsort(order)
    for method in ("temperature", "bcts", "vector", "platt", "beta", "isotonic"):
        plain = fit_method(method, log_p, labels).apply(log_p)
        moved = fit_method(method, log_p[:, order], place[labels]).apply(log_p[:, order])
        np.testing.assert_allclose(moved, plain[:, order], atol=1e-5)


def test_labels_of_another_task_are_refused():
    """A matrix where one label is meant would be read as numbers."""
    with pytest.raises(ValueError, match="exactly for multilabel, not multiclass"):
        fit_calibration(np.zeros((2, 2), np.float32), np.eye(2, dtype=np.bool_), seed=0)
    with pytest.raises(ValueError, match="not multilabel"):
        fit_calibration(np.zeros((2, 2), np.float32), np.array([0, 1]), seed=0, task="multilabel")
