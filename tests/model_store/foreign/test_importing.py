"""Tests of `model_store.foreign.importing`: models from elsewhere, as they come."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store import ModelStore, load_model, read_bundle
from model_store.bundles.bundle import read_seen
from model_store.data.csvfile import ColumnMissing, RowsInvalid, read_header
from model_store.data.labelled import LabelsUnknown, OneClass
from model_store.data.rows import Rows, read_rows
from model_store.data.signatures import minhash
from model_store.data.splits import ClassTooSmall
from model_store.errors import TargetError
from model_store.foreign.class_order import OrderRefused
from model_store.foreign.importing import Imported, NothingLeft, import_model
from model_store.foreign.reading import Opened, Unproven, open_model
from model_store.foreign.recognise import Declared
from model_store.graphs.outputs import OutputKind
from model_store.promises.claims import Claims
from model_store.promises.thresholds import parse_target
from model_store.readings import MAX_FEATURES
from tests.support import foreign
from tests.support.foreign import Foreign


class Desk:
    """Imports models into a store of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.store = directory, ModelStore(directory / "models")

    def open(self, model: Foreign, declared: Declared | None = None) -> tuple[Opened, Rows]:
        """Write a model and its rows to files, and read both back as a user's."""
        onnx, data = model.write(self.directory)
        opened = open_model(onnx, declared, header=read_header(data), taken=model.label_columns)
        label = model.label_columns if len(model.label_columns) > 1 else model.label_columns[0]
        return opened, self.rows(opened, data, label=label)

    def rows(self, opened: Opened, data: Path, **columns: Any) -> Rows:
        """Read the columns that a model takes."""
        taken = opened.taken
        return read_rows(data, text=taken.text_column, features=taken.columns, **columns)

    def load(self, model: Foreign, declared: Declared | None = None, **options: Any) -> Imported:
        """Import a model from its files."""
        return import_model(*self.open(model, declared), name="foreign", store=self.store, **options)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk with an empty store."""
    return Desk(tmp_path)


MODELS = [
    pytest.param(foreign.text, "probabilities", id="scikit-learn TF-IDF"),
    pytest.param(foreign.tree_ensemble, "probabilities", id="random forest"),
    pytest.param(foreign.gradient_boosting, "probabilities", id="gradient boosting"),
    pytest.param(foreign.linear, "probabilities", id="logistic regression"),
    pytest.param(lambda: foreign.linear(zipmap=False), "probabilities", id="without ZipMap"),
    pytest.param(lambda: foreign.linear(zipmap="columns"), "probabilities", id="an output a class"),
    pytest.param(lambda: foreign.linear(zipmap=False, raw_scores=True), "logits", id="raw scores"),
    pytest.param(foreign.margin, "positive_logit", id="linear SVM"),
    pytest.param(foreign.mixed, "probabilities", id="mixed table, an input a column"),
    pytest.param(lambda: foreign.mixed(grouped=True), "probabilities", id="mixed table, grouped"),
    pytest.param(foreign.lightgbm, "probabilities", id="LightGBM"),
    pytest.param(lambda: foreign.lightgbm(two=True), "probabilities", id="LightGBM of two"),
    pytest.param(lambda: foreign.lightgbm(gaps=True), "probabilities", id="LightGBM with gaps"),
    pytest.param(foreign.xgboost, "probabilities", id="XGBoost"),
    pytest.param(lambda: foreign.xgboost(two=True), "probabilities", id="XGBoost of two"),
    pytest.param(foreign.network, "logits", id="network of logits"),
    pytest.param(lambda: foreign.network(activation="Softmax"), "probabilities", id="network with softmax"),
    pytest.param(
        lambda: foreign.network(activation="Sigmoid", columns=1),
        "positive_probability",
        id="network, one sigmoid",
    ),
    pytest.param(lambda: foreign.network(columns=2), "logits", id="network, two logits"),
    pytest.param(foreign.several_labels, "probabilities", id="one versus rest"),
    pytest.param(lambda: foreign.several_labels(kind="multi_output"), "probabilities", id="list of pairs"),
    pytest.param(lambda: foreign.several_labels(kind="forest"), "label_pairs", id="array of pairs"),
]


@pytest.mark.parametrize(("made", "kind"), MODELS)
def test_a_model_serves_what_its_library_says(desk: Desk, made: Callable[[], Foreign], kind: OutputKind):
    """What the bundle computes before calibration is the library's own probability, and then it decides."""
    foreign_model = made()
    done = desk.load(foreign_model)
    model = load_model(done.result.path)
    output = model.bundle.manifest.output
    assert model.classes == foreign_model.classes
    assert output.kind == kind
    items = foreign_model.items()[:100]
    served = np.exp(model.classifier.log_probabilities(items).astype(np.float64))
    own = foreign_model.own[:100]
    if not output.gives_logits:  # 0 is clipped before the logarithm, see model_store.graphs.outputs
        own = np.clip(own, output.clip, 1 - output.clip if model.bundle.manifest.task == "multilabel" else 1)
    if model.bundle.manifest.task != "multilabel":
        own = own / own.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(served, own, atol=1e-5)
    assert model.decide(items).probabilities.shape == (100, len(foreign_model.classes))
    numeric = {f"feature:{c.name}" for c in model.columns if c.kind in ("float", "integer")}
    noted = model.bundle.reference.inputs.keys()
    assert noted == {"length"} if model.input_kind == "text" else noted <= numeric
    assert len(noted) == 1 if model.input_kind == "text" else len(noted) == min(len(numeric), MAX_FEATURES)
    # Of an honest file there is nothing to note but its gaps.
    assert all("was it trained with gaps?" in note for note in done.notes)
    gaps = model.input_kind == "features" and any(None in item.values() for item in foreign_model.items())
    assert bool(done.notes) == gaps


def test_the_served_graph_has_no_more_than_it_needs(desk: Desk):
    """One output, no ZipMap; the file it comes from is named by its digest."""
    done = desk.load(foreign.tree_ensemble())
    import onnx

    graph = onnx.load_model(done.result.path / "model.onnx").graph
    assert [node.op_type for node in graph.node] == ["TreeEnsembleClassifier"]
    assert [value.name for value in graph.output] == ["probabilities"]
    source = read_bundle(done.result.path).manifest.training["imported"]
    assert source["removed"] == ["ZipMap"]
    assert source["assumed"] == list(done.assumed)


def test_what_was_recognised_and_assumed_is_told(desk: Desk):
    """A line each for inputs, output and classes; what only the file says is said to be assumed."""
    done = desk.load(foreign.xgboost())
    assert done.recognised == {
        "inputs": "'input' tensor(float) of age, income, visits, score",
        "output": "'probabilities': probabilities",
        "classes": "bronze, gold, silver: multiclass, assumed: the labels of the file in alphabetical order, "
        "as scikit-learn numbers them",
    }
    assert done.assumed == (
        "'input' takes age, income, visits, score, in the order of the file's columns",
        "the classes are bronze, gold, silver",
    )
    assert json.loads(json.dumps(done.to_json()))["recognised"] == done.recognised
    declared = Declared(features=foreign.COLUMNS, classes=foreign.CLASSES)
    assert desk.load(foreign.xgboost(), declared).assumed == ()


def test_who_imports_and_why_is_kept(desk: Desk):
    """Where it was said; an import without it names nobody."""
    told = [
        read_bundle(desk.load(foreign.lightgbm(), **said).result.path).manifest.training
        for said in ({"by": "ada", "why": "a graph of the lab"}, {})
    ]
    assert (told[0]["by"], told[0]["why"]) == ("ada", "a graph of the lab")
    assert not {"by", "why"} & told[1].keys()


def test_rows_are_used_once_and_the_test_rows_stay_unseen(desk: Desk):
    """Three parts cover the file; what was fitted on is recognised later, what only measured is not."""
    model = foreign.lightgbm()
    done = desk.load(model)
    parts = read_bundle(done.result.path).manifest.training["split_rows"]
    assert sum(parts.values()) == len(model.rows)
    assert parts["threshold"] > parts["calibration"] > parts["test"] > 0
    seen = read_seen(read_bundle(done.result.path)).signatures
    assert len(seen) == parts["calibration"] + parts["threshold"]


def test_targets_are_kept_and_checked_against_the_model(desk: Desk):
    """A target of a class the model has sets its threshold; an unknown class is refused."""
    claims = Claims((parse_target("gold:recall=0.9"),), delta=0.05)
    done = desk.load(foreign.lightgbm(), claims=claims)
    gold = next(t for t in done.result.thresholds if t.class_name == "gold")
    assert gold.target.recall == 0.9
    assert gold.recall.lower is not None
    assert gold.recall.lower >= 0.9
    with pytest.raises(TargetError, match="platinum"):
        desk.load(foreign.lightgbm(), claims=Claims((parse_target("platinum:recall=0.9"),)))


def test_costs_decide_when_they_are_given(desk: Desk, tmp_path: Path):
    """The file is read against the classes that were recognised."""
    costs = tmp_path / "costs.csv"
    costs.write_text("true,bronze,gold,silver,review\nbronze,0,1,1,0.5\ngold,9,0,9,0.5\nsilver,1,1,0,0.5\n")
    done = desk.load(foreign.lightgbm(), costs=costs)
    policy = read_bundle(done.result.path).policy
    assert policy.rule == "costs"
    assert policy.costs is not None
    assert policy.costs.matrix[1].tolist() == [9, 0, 9]


def test_rows_that_are_no_sample_certify_nothing(desk: Desk):
    """Whoever says so gets estimates; so does who gives rows different weights."""
    chosen = desk.load(foreign.lightgbm(), claims=Claims(sample=False))
    opened, rows = desk.open(foreign.lightgbm())
    weights = tuple(1.0 + i % 3 for i in range(len(rows)))
    weighted = import_model(opened, replace(rows, weights=weights), name="foreign", store=desk.store)
    equal = import_model(opened, replace(rows, weights=(2.0,) * len(rows)), name="foreign", store=desk.store)
    statuses = [{t.status for t in done.result.thresholds} for done in (chosen, weighted, equal)]
    assert "certified" not in statuses[0] | statuses[1]
    assert statuses[2] == {"certified"}


def _some(model: Foreign, keep: Callable[[int, str], bool]) -> Foreign:
    at = [i for i, labels in enumerate(model.labels) if keep(i, labels[0])]
    return replace(
        model,
        rows=tuple(model.rows[i] for i in at),
        labels=tuple(model.labels[i] for i in at),
        own=model.own[at],
    )


def test_a_class_without_rows_promises_nothing(desk: Desk):
    """The model has three classes and the file two of them: the third is served, and nothing is claimed."""
    done = desk.load(_some(foreign.lightgbm(), lambda _, label: label != "silver"))
    model = load_model(done.result.path)
    assert model.classes == foreign.CLASSES
    by_name = {t.class_name: t for t in done.result.thresholds}
    assert by_name["silver"].status == "insufficient_data"
    assert by_name["gold"].status == "certified"


def test_one_text_a_hundred_times_is_no_evidence(desk: Desk):
    """Near-duplicates stay in one part, where they would be counted as a hundred proofs."""
    model = foreign.text()
    rows = tuple(
        (f"reset the locked password token {i}",) if label == ("login",) else row
        for i, (row, label) in enumerate(zip(model.rows, model.labels, strict=True))
    )
    with pytest.raises(ClassTooSmall, match=r"'login' has \d+ rows .* in 1 groups of near-duplicates"):
        desk.load(replace(model, rows=rows))


def test_a_small_file_says_what_a_claim_would_take(desk: Desk):
    """Forty rows publish a bundle that claims nothing and says how many positives are lacking."""
    declared = Declared(features=foreign.COLUMNS)
    done = desk.load(_some(foreign.lightgbm(), lambda i, _: i < 40), declared)
    lacking = [t for t in done.result.thresholds if t.status == "insufficient_data"]
    assert lacking
    assert all((t.n_needed or 0) > 0 for t in lacking)


def test_rows_the_model_was_trained_on_are_left_out(desk: Desk, tmp_path: Path):
    """They are counted and told by number, their signatures and marks are kept, and none enters a part."""
    model = foreign.lightgbm()
    opened, rows = desk.open(model)
    trained = foreign.write_rows(
        tmp_path / "train.csv", foreign.COLUMNS, [*model.rows[100:150], (9.0, 9.0, 9.0, 9.0)]
    )
    done = import_model(opened, rows, name="foreign", store=desk.store, trained_on=desk.rows(opened, trained))
    assert done.leaked is not None
    assert (done.leaked.count, done.leaked.checked, done.leaked.against) == (50, 600, 51)
    assert "row 101" in {each.row for each in done.leaked.examples}
    training = read_bundle(done.result.path).manifest.training
    assert sum(training["split_rows"].values()) == 550
    assert training["leakage"]["count"] == 50
    fitted = training["split_rows"]["calibration"] + training["split_rows"]["threshold"]
    seen = read_seen(read_bundle(done.result.path))
    assert len(seen.signatures) == fitted + 51
    assert seen.marks is not None
    assert len(seen.marks) == fitted + 51


def test_a_text_that_is_nearly_one_of_training_is_left_out(desk: Desk, tmp_path: Path):
    """Texts are compared by likeness, not equality."""
    model = foreign.text()
    opened, rows = desk.open(model)
    message = model.rows[7][0]
    trained = foreign.write_rows(tmp_path / "train.csv", ["message"], [[f"  {message.upper()} again"]])
    done = import_model(opened, rows, name="foreign", store=desk.store, trained_on=desk.rows(opened, trained))
    assert done.leaked is not None
    assert [each.row for each in done.leaked.examples] == ["row 8"]
    seen = read_seen(read_bundle(done.result.path)).signatures
    assert (seen == minhash([f"  {message.upper()} again"])).all(axis=1).any()


def test_a_file_of_training_rows_is_refused(desk: Desk):
    """Nothing would be left to prove anything on."""
    opened, rows = desk.open(foreign.lightgbm())
    with pytest.raises(NothingLeft, match="all 600 rows are nearly rows the model was trained on"):
        import_model(opened, rows, name="foreign", store=desk.store, trained_on=rows)


@pytest.mark.parametrize(
    ("made", "classes", "basis"),
    [
        pytest.param(foreign.network, ("gold", "silver", "bronze"), "the labels of the file", id="network"),
        pytest.param(foreign.xgboost, ("bronze", "silver", "gold"), "the labels of the file", id="numbered"),
        pytest.param(
            foreign.lightgbm, ("gold", "bronze", "silver"), "the labels the graph gives", id="label output"
        ),
        pytest.param(
            lambda: foreign.network(activation="Sigmoid", columns=1),
            ("gold", "bronze"),
            "the labels",
            id="binary",
        ),
        pytest.param(foreign.several_labels, ("refund", "broken", "late"), "the labels", id="multi-label"),
    ],
)
def test_classes_in_a_wrong_order_are_refused(
    desk: Desk, made: Callable[[], Foreign], classes: tuple[str, ...], basis: str
):
    """With the order that was assumed, why, and the one that fits; nothing is published."""
    model = made()
    with pytest.raises(OrderRefused) as refused:
        desk.load(model, Declared(classes=classes))
    assert refused.value.better == model.classes
    assert f"taken for {', '.join(classes)} (as declared), but {basis}" in str(refused.value)
    assert desk.store.names() == ()


def _shuffled(model: Foreign) -> Foreign:
    order = np.random.default_rng(0).permutation(len(model.labels))
    return replace(model, labels=tuple(model.labels[i] for i in order))


def test_an_assumption_that_the_labels_do_not_bear_out_is_refused(desk: Desk):
    """The order of columns came from the file, and the labels have nothing to do with the scores."""
    with pytest.raises(
        Unproven, match=r"do not go with the labels of 600 rows .*order of the file's columns"
    ):
        desk.load(_shuffled(foreign.lightgbm()))


def test_a_model_without_skill_is_published_with_a_note(desk: Desk):
    """Nothing was assumed, so this is what its owner wants to see."""
    done = desk.load(_shuffled(foreign.lightgbm()), Declared(features=foreign.COLUMNS))
    assert len(done.notes) == 1
    assert "hardly go with the labels" in done.notes[0]


def _changed(model: Foreign, at: dict[int, Any], column: int) -> Foreign:
    rows = [list(row) for row in model.rows]
    for row, value in at.items():
        rows[row][column] = value
    return replace(model, rows=tuple(map(tuple, rows)))


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        pytest.param(
            lambda: replace(foreign.lightgbm(), labels=(("iron",), *foreign.lightgbm().labels[1:])),
            LabelsUnknown,
            "1 row carries a label outside the classes",
            id="unknown label",
        ),
        pytest.param(
            lambda: _some(foreign.lightgbm(), lambda _, label: label == "gold"),
            OneClass,
            "at least two classes",
            id="one class",
        ),
        pytest.param(
            lambda: _changed(foreign.lightgbm(), {4: "many"}, 0),
            RowsInvalid,
            "row 5 does not hold a finite number in 'age'",
            id="a word for a number",
        ),
        pytest.param(
            lambda: _changed(foreign.linear(), {4: None, 9: None}, 1),
            RowsInvalid,
            "2 rows lack a value in 'income', without which the graph gives no number: 5, 10",
            id="a gap the model cannot take",
        ),
        pytest.param(
            lambda: _changed(foreign.mixed(), {4: "oslo"}, 2),
            RowsInvalid,
            "row 5 is refused by the graph",
            id="a category the model does not know",
        ),
    ],
)
def test_rows_that_are_not_for_this_model_are_told(
    desk: Desk, made: Callable[[], Foreign], error: type[Exception], said: str
):
    """By number and column, never by content, and before anything is written."""
    with pytest.raises(error, match=said) as refused:
        desk.load(made())
    assert not any(word in str(refused.value) for word in ("iron", "many", "oslo"))
    assert desk.store.names() == ()


def test_a_column_the_file_lacks_is_told(desk: Desk):
    """With those it has."""
    with pytest.raises(ColumnMissing, match="no column 'height'; the columns are age, income"):
        desk.load(foreign.lightgbm(), Declared(features=("age", "income", "visits", "height")))


def test_gaps_of_the_file_are_allowed_when_served(desk: Desk):
    """And only in the column that had some."""
    model = load_model(desk.load(foreign.lightgbm(gaps=True)).result.path)
    item = dict(zip(foreign.COLUMNS, (0.0, None, 1.0, 0.5), strict=True))
    assert model.decide([item]).probabilities.shape == (1, 3)
    columns = {column.name: column.missing for column in model.classifier.front_end.columns}
    assert columns == {"age": False, "income": True, "visits": False, "score": False}
