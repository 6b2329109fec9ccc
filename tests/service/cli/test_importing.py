"""`seamark bundle import`: an ONNX file and labelled rows become a bundle, or one line says why not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store import ModelStore, read_bundle
from service.cli.options import current_user
from tests.support import foreign
from tests.support.command import Command
from tests.support.foreign import Foreign


@pytest.fixture
def load(seamark: Command, tmp_path: Path) -> Command:
    """Return a function that writes a foreign model to files and imports it with further arguments."""

    def command(model: Foreign, *arguments: object) -> tuple[int, str, str]:
        onnx, data = model.write(tmp_path)
        labels = [each for column in model.label_columns for each in ("--label", column)]
        return seamark("bundle", "import", onnx, "--data", data, "--name", "foreign", *labels, *arguments)

    return command


def _error(answer: tuple[int, str, str], code: int = 1) -> str:
    assert answer[0] == code
    assert answer[1] == ""
    lines = [line for line in answer[2].splitlines() if line.startswith("seamark: ")]
    assert len(lines) == 1
    return lines[0]


def test_a_model_is_imported_with_all_that_was_recognised(load: Command):
    """A line each for inputs, output and classes, what was assumed, promises, and the next step."""
    code, out, _ = load(foreign.lightgbm())
    assert code == 0
    lines = out.splitlines()
    assert lines[:4] == [
        "inputs: 'input' tensor(float) of age, income, visits, score",
        "output: 'lgbmprobabilities' (in place of probabilities): probabilities",
        "classes: bronze, gold, silver: multiclass, as the graph names them",
        "assumed: 'input' takes age, income, visits, score, in the order of the file's columns",
    ]
    assert [line.split()[:2] for line in lines if line.startswith(foreign.CLASSES)] == [
        [name, "certified"] for name in foreign.CLASSES
    ]
    assert lines[-1] == "put it in force with `seamark bundle promote foreign 1`"


def test_json_holds_what_people_read(load: Command):
    """And nothing else is printed, not even progress."""
    code, out, err = load(foreign.xgboost(), "--json", "--features", ",".join(foreign.COLUMNS))
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["bundle"]["name"] == "foreign"
    assert said["recognised"]["output"] == "'probabilities': probabilities"
    assert said["assumed"] == ["the classes are bronze, gold, silver"]
    assert said["leaked"] is None
    assert [each["class"] for each in said["classes"]] == list(foreign.CLASSES)


def test_a_class_without_rows_has_no_figures(load: Command):
    """In JSON they are null, in the table a dash, and the line below says how many rows a claim takes."""
    model = foreign.lightgbm()
    at = [i for i, label in enumerate(model.labels) if label != ("silver",)]
    few = replace(model, rows=tuple(model.rows[i] for i in at), labels=tuple(model.labels[i] for i in at))
    code, out, _ = load(few, "--json")
    assert code == 0
    assert json.loads(out)["metrics"]["pr_auc"]["silver"] is None
    _, out, _ = load(few)
    assert "silver: insufficient_data, at least 11 more positives in the threshold split" in out
    assert "about 22 more rows of this class" in out


def test_everything_can_be_declared(load: Command, model_store: ModelStore, tmp_path: Path):
    """Columns by input, output, scale, classes, targets; what is declared is not assumed."""
    code, out, _ = load(
        replace(foreign.mixed(grouped=True), columns=("a", "b", "c")),
        *("--input", "numbers=a,b", "--input", "city=c"),
        *("--output", "output_probability", "--output-kind", "probabilities"),
        *("--classes", "bronze,gold,silver", "--target", "gold:recall=0.9", "--delta", "0.05"),
        *("--licence", "CC0-1.0", "--promote", "--json"),
    )
    assert code == 0
    assert json.loads(out)["assumed"] == []
    assert model_store.current("foreign") == "1"
    bundle = read_bundle(model_store.path("foreign", "1"))
    assert bundle.manifest.licence == "CC0-1.0"
    assert bundle.policy.thresholds[1].target.recall == 0.9
    assert bundle.policy.delta == 0.05


def test_an_output_can_be_declared_as_the_embedding(load: Command, seamark: Command, model_store: ModelStore):
    """It is told in a line, and kept in a graph of its own beside the one that answers."""
    declared = ("--features", ",".join(foreign.COLUMNS), "--classes", ",".join(foreign.CLASSES))
    code, out, _ = load(foreign.embedding_network(), *declared, "--embedding", "vectors")
    assert code == 0
    assert "embedding: 'vectors': 5 numbers" in out.splitlines()
    manifest = read_bundle(model_store.path("foreign", "1")).manifest
    assert manifest.embedding is not None
    assert "embedding.onnx" in manifest.files
    shown = seamark("bundle", "show", "foreign", "--store", model_store.root, "--json")[1]
    assert json.loads(shown)["embedding"] == {"name": "vectors", "dimensions": 5}
    said = _error(load(foreign.embedding_network(), *declared, "--embedding", "hidden"))
    assert "the graph has no output 'hidden' for --embedding; it gives 'logits'" in said
    assert model_store.versions("foreign") == ("1",)


def test_what_the_model_was_trained_on_is_left_out_and_counted(load: Command, tmp_path: Path):
    """The rows of the file that are nearly in the other one."""
    model = foreign.lightgbm()
    trained = foreign.write_rows(tmp_path / "train.csv", foreign.COLUMNS, model.rows[:30])
    _, out, _ = load(model, "--trained-on", trained)
    assert "trained on: 30 of 600 rows are nearly rows of it, left out" in out


def test_labels_that_go_together_are_imported(load: Command, model_store: ModelStore):
    """One indicator column a label; each label gets its own promise."""
    code, _, _ = load(foreign.several_labels(), "--require-one")
    assert code == 0
    bundle = read_bundle(model_store.path("foreign", "1"))
    assert bundle.manifest.task == "multilabel"
    assert bundle.manifest.classes == ("late", "broken", "refund")
    assert bundle.policy.require_one


def test_who_imports_a_model_and_why_is_in_it(load: Command, model_store: ModelStore):
    """Promoted or not; the promotion names them too, and without them the user and the file."""
    told = ("--by", "ada", "--why", "a graph of the lab")
    assert [load(foreign.lightgbm(), *options)[0] for options in (told, (*told, "--promote"))] == [0, 0]
    assert load(foreign.lightgbm(), "--promote")[0] == 0
    kept = [
        read_bundle(model_store.path("foreign", version)).manifest.training
        for version in model_store.versions("foreign")
    ]
    assert [(each.get("by"), each.get("why")) for each in kept] == [
        ("ada", "a graph of the lab"),
        ("ada", "a graph of the lab"),
        (None, None),
    ]
    assert [(each.to_version, each.who, each.why) for each in model_store.history("foreign")] == [
        ("2", "ada", "a graph of the lab"),
        ("3", current_user(), "import of model.onnx"),
    ]


def test_a_finished_bundle_is_copied_as_it_is(
    seamark: Command, publish_tiny: Callable[..., Path], model_store_root: Path, tmp_path: Path
):
    """A directory is a bundle: verified, given the next version, and put in force when asked."""
    source = publish_tiny()
    other = tmp_path / "other"
    code, out, _ = seamark("bundle", "import", source, "--store", other, "--promote", "--json")
    assert code == 0
    assert json.loads(out)["bundle"] == {"name": "tiny", "version": "1", "path": str(other / "tiny" / "1")}
    assert ModelStore(other).current("tiny") == "1"
    code, out, _ = seamark("bundle", "import", source, "--store", other)
    assert "put it in force with `seamark bundle promote tiny 2`" in out
    said = _error(seamark("bundle", "import", source, "--data", "rows.csv", "--store", other), 2)
    assert "a finished bundle, which takes no rows" in said


def test_a_finished_bundle_keeps_who_made_it(
    seamark: Command, publish_tiny: Callable[..., Path], tmp_path: Path
):
    """Who imports it and why is told of its promotion alone, and refused without one."""
    made = {"by": "kim", "why": "first"}
    source = publish_tiny(change=lambda parts: parts["training"].update(made))
    other = tmp_path / "other"
    for option in ("--by", "--why"):
        said = _error(seamark("bundle", "import", source, "--store", other, option, "ada"), 2)
        assert f"{option}: {source} is a finished bundle, which is copied as it is" in said
        assert "add --promote to say who puts it in force and why" in said
    assert not other.exists()
    told = ("--by", "ada", "--why", "from the lab")
    assert seamark("bundle", "import", source, "--store", other, "--promote", *told)[0] == 0
    (promotion,) = ModelStore(other).history("tiny")
    assert (promotion.who, promotion.why) == ("ada", "from the lab")
    kept = read_bundle(other / "tiny" / "1").manifest.training
    assert {each: kept[each] for each in made} == made


def _regression() -> Foreign:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    x, y = foreign.numbers()
    onnx = to_onnx(LinearRegression().fit(x, y.astype(float)), x[:1])
    return replace(foreign.lightgbm(), onnx=onnx.SerializeToString())


def _shorter(model: Foreign) -> Foreign:
    return replace(model, columns=model.columns[:3], rows=tuple(row[:3] for row in model.rows))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(
            lambda: replace(foreign.lightgbm(), onnx=b"a pickle"), "is not an ONNX model", id="no ONNX"
        ),
        pytest.param(
            lambda: replace(foreign.lightgbm(), onnx=foreign.lightgbm().onnx[:-90]),
            "is cut short",
            id="cut short",
        ),
        pytest.param(_regression, "the model predicts a number, no class", id="regression"),
        pytest.param(
            lambda: _shorter(foreign.lightgbm()),
            "takes 4 columns, and the 3 columns left are",
            id="too few columns",
        ),
        pytest.param(
            lambda: replace(foreign.lightgbm(), labels=(("iron",), *foreign.lightgbm().labels[1:])),
            "1 row carries a label outside the classes: row 1; the classes are 'bronze', 'gold', 'silver'",
            id="unknown label",
        ),
        pytest.param(
            lambda: replace(foreign.lightgbm(), labels=(("gold",),) * 600),
            "at least two classes",
            id="one class",
        ),
    ],
)
def test_a_model_or_file_that_cannot_be_used_is_one_line(
    load: Command, model_store_root: Path, made: Callable[[], Any], said: str
):
    """Nothing is written then."""
    assert said in _error(load(made()))
    assert not model_store_root.exists() or not ModelStore(model_store_root).names()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--name", "Not A Name"), "is not a name", id="name"),
        pytest.param(("--input", "numbers"), "expected INPUT=COL,COL", id="input"),
        pytest.param(("--output-kind", "odds"), "'odds' is not one of", id="kind"),
        pytest.param(
            ("--text", "a", "--features", "b"), "of the texts, or those of a table", id="text and table"
        ),
    ],
)
def test_options_that_cannot_be_meant_are_usage_errors(load: Command, arguments: tuple[str, ...], said: str):
    """Before the model is opened."""
    assert said in _error(load(foreign.lightgbm(), *arguments), 2)


@pytest.mark.parametrize("missing", ["--data", "--name", "--label"])
def test_what_a_model_needs_is_asked_for(seamark: Command, tmp_path: Path, missing: str):
    """Rows, a name and labels."""
    onnx, data = foreign.lightgbm().write(tmp_path)
    given = {"--data": str(data), "--name": "foreign", "--label": "label"}
    arguments = [each for option, value in given.items() if option != missing for each in (option, value)]
    said = _error(seamark("bundle", "import", onnx, *arguments), 2)
    assert f"{missing}: an ONNX model needs --data, --name and --label" in said


def test_a_file_that_cannot_be_read_is_told(seamark: Command, tmp_path: Path):
    """As everywhere else."""
    onnx, _ = foreign.lightgbm().write(tmp_path)
    arguments = ("--name", "foreign", "--label", "label")
    said = _error(seamark("bundle", "import", onnx, "--data", tmp_path / "absent.csv", *arguments))
    assert "absent.csv: no such file" in said


def test_an_imported_model_decides_about_rows_it_never_saw(load: Command, model_store: ModelStore):
    """What was certified about recall holds on fresh traffic of the same kind."""
    from model_store import load_model

    load(foreign.lightgbm(), "--target", "gold:recall=0.8")
    model = load_model(model_store.path("foreign", "1"))
    x, y = foreign.numbers(4_000, seed=5)
    decided = model.decide([dict(zip(foreign.COLUMNS, map(float, row), strict=True)) for row in x])
    recall = decided.flags[y == 1, 1].mean()
    assert 0.8 <= recall < 1
    assert np.isclose(decided.probabilities.sum(axis=1), 1, atol=1e-5).all()
