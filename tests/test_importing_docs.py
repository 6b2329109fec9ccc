"""The snippets of docs/importing.md run as they stand, and what they export is imported as the page says."""

import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_store import ModelStore, read_bundle
from service.cli.main import run

PAGE = (Path(__file__).parent.parent / "docs" / "importing.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the directory in which all snippets have run, one after the other."""
    directory = tmp_path_factory.mktemp("importing")
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(directory)
        # LightGBM's wrapper gives its own arrays names, and scikit-learn then misses them.
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        for snippet in SNIPPETS:
            exec(compile(snippet, "importing.md", "exec"), names)  # noqa: S102 - our own page
        rows = names["frame"][names["held_out"]]
        lines = [
            f"{age},{channel},{label}"
            for (age, channel), label in zip(rows, names["outcome"][500:], strict=True)
        ]
        (directory / "mixed.csv").write_text("\n".join(["age,channel,outcome", *lines]) + "\n")
        pairs = zip(names["messages"][500:], names["outcome"][500:], strict=True)
        lines = [f"{message},{label}" for message, label in pairs]
        (directory / "text.csv").write_text("\n".join(["message,outcome", *lines]) + "\n")
        yield directory


@pytest.mark.parametrize(
    ("model", "data", "options", "assumes"),
    [
        pytest.param("model.onnx", "validation.csv", (), True, id="forest"),
        pytest.param("mixed.onnx", "mixed.csv", (), False, id="pipeline"),
        pytest.param("text.onnx", "text.csv", ("--text", "message"), False, id="text"),
        pytest.param("lightgbm.onnx", "validation.csv", (), False, id="LightGBM with names"),
        pytest.param(
            "xgboost.onnx",
            "validation.csv",
            ("--features", "age,income,visits", "--classes", "no,yes"),
            False,
            id="XGBoost",
        ),
    ],
)
def test_what_the_page_exports_is_imported(
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    data: str,
    options: tuple[str, ...],
    assumes: bool,
):
    """With the options that the page names; what it says is assumed is, and nothing else."""
    command = ["bundle", "import", str(exported / model), "--data", str(exported / data), "--name", "churn"]
    monkeypatch.setattr(
        sys, "argv", ["seamark", *command, "--label", "outcome", "--store", str(tmp_path), *options]
    )
    with pytest.raises(SystemExit) as ended:
        run()
    assert not ended.value.code
    bundle = read_bundle(ModelStore(tmp_path).path("churn", "1"))
    assert bundle.manifest.classes == ("no", "yes")
    assert bool(bundle.manifest.training["imported"]["assumed"]) == assumes


def test_every_option_of_the_page_exists(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """A renamed option is renamed there too."""
    monkeypatch.setattr(sys, "argv", ["seamark", "bundle", "import", "--help"])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        run()
    offered = capsys.readouterr().out
    named = set(re.findall(r"--[a-z-]+[a-z]", PAGE)) - {"--help", "--model"}
    assert named
    assert [option for option in sorted(named) if option not in offered] == []


RECALLS = re.findall(r"(?:recall|one) of \.(\d\d)(?: at the usual confidence\s+of \.90)?\s+takes (\d+)", PAGE)


def test_the_numbers_of_rows_that_a_claim_takes_are_those_of_the_formula():
    """ln(delta) / ln(recall), rounded up, of threshold rows without a miss."""
    from math import ceil, log

    assert [(int(r), int(n)) for r, n in RECALLS] == [
        (r, ceil(log(0.1) / log(r / 100))) for r in (80, 85, 95)
    ]
