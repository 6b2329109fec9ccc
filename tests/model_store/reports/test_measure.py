"""Tests of `model_store.reports.measure`: real tiny models on rows as a file gives them."""

from pathlib import Path

import numpy as np
import pytest

from model_store.bundles.bundle import Seen
from model_store.costs import Costs
from model_store.data.csvfile import RowsInvalid
from model_store.data.labelled import labelled_of
from model_store.data.rows import Rows
from model_store.data.signatures import minhash
from model_store.model import Model
from model_store.reports.measure import evaluate_model
from model_store.store import ModelStore
from tests.support.bundles import UNKNOWN_TEXT, tiny_model

TEXTS = ("billing please help", "delivery", "login", UNKNOWN_TEXT, "billing")
LABELS = ("billing", "delivery", "billing", "login", "billing")


def _rows(texts: tuple[str, ...] = TEXTS, labels: tuple[str, ...] = LABELS, **more: object) -> Rows:
    return Rows(texts=texts, labels=labels, path=Path("march.csv"), **more)  # type: ignore[arg-type]


def _labelled(rows: Rows, model: Model, *, multilabel: bool = False):  # noqa: ANN202 - a Labelled
    task = "multilabel" if multilabel else "multiclass"
    return labelled_of(rows, model.classes, task=task, constant=True)


def test_rows_are_decided_as_the_service_would(model_store: ModelStore):
    """The same recall and the same review, under the name of the model and of the file."""
    model = tiny_model(model_store)
    rows = _rows()
    found = evaluate_model(model, rows, _labelled(rows, model))
    assert (found.model, found.data, found.rows) == ("tiny@1", "march.csv", 5)
    recall = {each.name: (each.recall.hits, each.recall.of) for each in found.classes}
    assert recall == {"billing": (2.0, 3.0), "delivery": (1.0, 1.0), "login": (0.0, 1.0)}
    assert found.decisions["no_class_passes"] == pytest.approx(0.2)


def test_rows_of_a_table_are_measured_too(model_store: ModelStore):
    """A missing value where the column takes one; the cells get their types from the bundle."""
    model = tiny_model(model_store, kind="features")
    features = {"topic": TEXTS[1:4], "amount": ("", "3.5", ""), "urgent": ("true", "false", "false")}
    rows = Rows(features=features, labels=("delivery", "login", "login"), path=Path("t.csv"))
    found = evaluate_model(model, rows, _labelled(rows, model))
    assert {each.name: each.recall.estimate for each in found.classes} == {
        "billing": None,
        "delivery": 1.0,
        "login": 0.5,
    }


def test_a_cell_of_another_type_is_named_by_its_row(model_store: ModelStore):
    """Before anything is scored."""
    model = tiny_model(model_store, kind="features")
    rows = Rows(
        features={"topic": ("login", "login"), "amount": ("1", "much"), "urgent": ("true", "true")},
        labels=("login", "billing"),
        path=Path("t.csv"),
    )
    with pytest.raises(RowsInvalid, match="row 2"):
        evaluate_model(model, rows, _labelled(rows, model))


def test_several_labels_an_item_are_measured_label_by_label(model_store: ModelStore):
    """A text that names two classes has both; one without any is right too."""
    model = tiny_model(model_store, kind="multilabel")
    sets = (frozenset({"billing", "login"}), frozenset[str](), frozenset({"delivery"}))
    rows = Rows(texts=("billing login", UNKNOWN_TEXT, "login"), label_sets=sets, path=Path("m.csv"))
    found = evaluate_model(model, rows, _labelled(rows, model, multilabel=True))
    assert found.task == "multilabel"
    assert [each.recall.estimate for each in found.classes] == [1.0, 0.0, 1.0]
    assert found.classes[2].precision.estimate == 0.5
    assert found.review_share == 0.0


def test_rows_the_bundle_was_fitted_on_are_counted_and_left_out_once(model_store: ModelStore):
    """By id; the figures without them stand beside those with them."""
    seen = Seen(minhash(["billing please help", "login"]))
    model = tiny_model(model_store, change=lambda parts: parts.update(seen=seen))
    rows = _rows(ids=tuple("abcde"))
    found = evaluate_model(model, rows, _labelled(rows, model)).seen
    assert found is not None
    assert (found.checked, found.found, set(found.examples)) == (5, 2, {"a", "c"})
    assert found.without is not None
    assert found.without.rows == 3
    billing = next(each for each in found.without.classes if each.name == "billing")
    assert (billing.recall.hits, billing.recall.of) == (1.0, 1.0)


def test_verdicts_rest_on_rows_the_bundle_was_not_fitted_on(model_store: ModelStore):
    """Figures count every row; where all were seen there is no verdict at all."""
    rows = _rows()
    for seen, measured, verdict in (
        (["billing please help", "login"], (1.0, 1), "too few rows"),
        (list(TEXTS), (0.0, 0), "not measured"),
    ):
        model = tiny_model(
            model_store, change=lambda parts, seen=seen: parts.update(seen=Seen(minhash(seen)))
        )
        found = evaluate_model(model, rows, _labelled(rows, model)).classes[0]
        (check,) = found.checks
        assert (check.measured.hits, check.measured.rows, check.verdict) == (*measured, verdict)
        assert (found.recall.hits, found.recall.rows) == (2.0, 3)


def test_a_bundle_that_does_not_say_what_it_saw_is_not_said_to_have_seen_nothing(model_store: ModelStore):
    """Nothing is reported then."""
    model = tiny_model(model_store)
    rows = _rows()
    assert evaluate_model(model, rows, _labelled(rows, model)).seen is None


def test_where_every_row_was_seen_nothing_is_left_to_compare(model_store: ModelStore):
    """The count says so."""
    model = tiny_model(model_store, change=lambda parts: parts.update(seen=Seen(minhash(list(TEXTS)))))
    rows = _rows()
    found = evaluate_model(model, rows, _labelled(rows, model)).seen
    assert found is not None
    assert (found.found, found.without) == (5, None)


def test_weights_sources_and_times_come_from_the_rows(model_store: ModelStore):
    """A row that stands for four items counts four times."""
    model = tiny_model(model_store)
    rows = _rows(
        weights=(1.0, 1.0, 4.0, 1.0, 1.0),
        sources=("x", "y", "x", "y", "x"),
        times=(0.0, 60.0, 120.0, 0.0, 60.0),
    )
    found = evaluate_model(model, rows, _labelled(rows, model))
    assert found.weighted
    assert found.classes[0].recall.estimate == pytest.approx(2 / 6)
    assert [each.name for each in found.sources] == ["x", "y"]
    assert [each.rows for each in found.times] == [2, 2, 1]


def test_costs_that_are_given_replace_those_of_the_bundle(model_store: ModelStore):
    """What the policy answered is priced by them."""
    model = tiny_model(model_store)
    rows = _rows()
    costs = Costs(model.classes, 10.0 * (1 - np.eye(3)), 1.0)
    found = evaluate_model(model, rows, _labelled(rows, model), costs=costs).costs
    assert found is not None
    assert found.lines[0].decides == "policy in force"
    assert found.lines[0].realised == pytest.approx((10 + 1) / 5)


def test_progress_names_each_stage(model_store: ModelStore):
    """Each ends at its total."""
    model = tiny_model(model_store)
    rows, last = _rows(), {}
    evaluate_model(
        model,
        rows,
        _labelled(rows, model),
        progress=lambda stage, done, total: last.update({stage: (done, total)}),
    )
    assert list(last) == ["score", "signatures", "measure"]
    assert all(done == total for done, total in last.values())
