"""Tests of `model_store.calibrating.label_calibrators`, through `fit_calibration`."""

import functools
import json

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration

from model_store.bundles.canonical import canonical_json
from model_store.calibrating.calibration import Calibration
from model_store.calibrating.calibrators import fit_calibration
from model_store.calibrating.reliability import classwise_ece

Log = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.bool_]
NAMES = ("off", "plain", "scarce", "bent")


def drawn(n: int = 6_000, seed: int = 0) -> tuple[Log, Matrix]:
    """Return log p of four labels: off by a constant, right, with 12 positives, and of no sigmoid's shape."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 2, (n, 4))
    p = expit(z)
    p[:, 0] = expit(z[:, 0] - 2)
    p[:, 3] = np.where(z[:, 3] < 0, 0.2, 0.9)
    matrix = rng.random((n, 4)) < p
    matrix[np.flatnonzero(matrix[:, 2])[12:], 2] = False
    return -np.logaddexp(0, -z).astype(np.float32), matrix


@functools.cache
def fitted() -> Calibration:
    """Return the calibration of the rows above."""
    log_p, matrix = drawn()
    return fit_calibration(log_p, matrix, seed=0, classes=NAMES, task="multilabel")


def test_each_label_gets_the_method_that_suits_it():
    """A bias where it is off, nothing where it is right, a line where no sigmoid fits."""
    calibration = fitted()
    assert calibration.link == "independent"
    assert {name: each["chosen"] for name, each in calibration.choice["labels"].items()} == {
        "off": "platt",
        "plain": "identity",
        "scarce": "temperature",
        "bent": "isotonic",
    }
    log_p, matrix = drawn(seed=1)
    errors = classwise_ece(calibration.apply(log_p), matrix)
    assert errors[[0, 1, 3]].max() < 0.03
    assert classwise_ece(np.exp(log_p), matrix)[[0, 3]].min() > 0.05


def test_a_label_with_too_few_positives_falls_back_with_a_reason():
    """It shares the one scale of all labels, and the choice says why it has no bias of its own."""
    calibration = fitted()
    few = "label 'scarce' has 12 positives, 20 needed"
    scarce = calibration.choice["labels"]["scarce"]
    assert scarce["excluded"]["platt"] == few
    assert set(scarce["log_loss"]) == {"identity", "temperature"}
    assert f"no bias of its own where {few}" in calibration.choice["reason"]
    assert calibration.bias[2] == 0


def test_the_choice_as_a_whole_is_the_mean_over_labels():
    """Beside the classifier's own, so that two calibrations of one model can be compared."""
    choice = fitted().choice
    each = [label["log_loss"][label["chosen"]] for label in choice["labels"].values()]
    assert choice["log_loss"][choice["chosen"]] == pytest.approx(np.mean(each))
    assert choice["log_loss"][choice["chosen"]] < choice["log_loss"]["identity"]


def test_a_labels_probability_does_not_depend_on_the_other_labels():
    """Rows do not sum to 1, and a label alone is calibrated as among others."""
    log_p, matrix = drawn()
    whole = fitted()
    assert abs(whole.apply(log_p).sum(axis=1) - 1).max() > 0.5
    alone = fit_calibration(log_p[:, :1], matrix[:, :1], seed=0, task="multilabel")
    assert alone.n_classes == 1
    np.testing.assert_allclose(alone.apply(log_p[:, :1]), whole.apply(log_p)[:, :1], atol=0.01)


def test_the_sigmoid_of_a_label_is_that_of_scikit_learn():
    """Slope and bias on the log-odds."""
    log_p, matrix = drawn()
    odds = log_p[:, 0].astype(np.float64) - np.log(-np.expm1(log_p[:, 0].astype(np.float64)))
    check = _SigmoidCalibration().fit(odds, matrix[:, 0])
    calibration = fitted()
    np.testing.assert_allclose([calibration.scale[0], calibration.bias[0]], [-check.a_, -check.b_], atol=2e-3)


def test_groups_of_rows_are_respected():
    """Rows that are copies do not make a label's loss look better than it is."""
    log_p, matrix = drawn(200, seed=2)
    copies = np.repeat(np.arange(200), 8)
    alone, grouped = (
        fit_calibration(log_p[copies], matrix[copies], seed=0, task="multilabel", groups=groups)
        for groups in (None, copies)
    )
    assert grouped.choice["labels"]["3"]["log_loss"]["beta"] > alone.choice["labels"]["3"]["log_loss"]["beta"]


def test_it_survives_the_file():
    """Scales, rests and lines of every label come back bit for bit."""
    calibration = fitted()
    content = canonical_json(calibration.to_json())
    again = Calibration.from_json(json.loads(content))
    log_p, _ = drawn(50, seed=3)
    assert canonical_json(again.to_json()) == content
    assert again.apply(log_p).tobytes() == calibration.apply(log_p).tobytes()
