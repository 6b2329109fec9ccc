"""What the command line prints of a fit is JSON, whatever could not be measured."""

import json
from pathlib import Path

import numpy as np

from model_store.calibrating.calibration import Calibration
from model_store.training.fit_result import FitResult
from tests.support.evaluations import CLASSES, made_up, made_up_policy


def result(rows: int) -> FitResult:
    """Return the result of a fit with so many test rows; the precision asked for cannot be had."""
    thresholds = made_up_policy(targets=["fraud:recall=0.9,precision=0.99"]).thresholds
    return FitResult(
        Path("store/tickets/3"), "tickets", "3", Calibration.identity(3), thresholds, made_up(rows)
    )


def test_a_class_has_what_its_status_calls_for() -> None:
    """The frontier where the targets are infeasible; nobody reads of what there is not."""
    found = {each["class"]: each for each in result(600).to_json()["classes"]}
    assert found["fraud"]["status"] == "infeasible"
    assert found["fraud"]["frontier"]
    assert "frontier" not in found["billing"]
    assert "review_from" not in found["billing"]


def test_figures_are_by_class_and_null_where_no_row_can_tell() -> None:
    """JSON has no number for what was not measured."""
    for rows in (600, 0):
        told = json.loads(json.dumps(result(rows).to_json(), allow_nan=False))
        by_class = told["metrics"]["pr_auc"]
        assert tuple(by_class) == CLASSES
        assert all((figure is None) == (rows == 0) for figure in by_class.values())
        assert told["bundle"] == {"name": "tickets", "version": "3", "path": "store/tickets/3"}
        assert np.isfinite(told["metrics"]["macro_f1"] or 0.0)
