"""`seamark evaluate`: files as people have them, through the command."""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.bundles import UNKNOWN_TEXT
from tests.support.command import Command
from tests.support.evaluations import made_up

HEAD = ("id", "text", "label", "source", "time", "weight")
ROWS = (
    ("a", "billing please help", "billing", "email", "2026-01-05", "1"),
    ("b", "delivery", "delivery", "chat", "2026-01-20", "2"),
    ("c", "login", "billing", "chat", "2026-02-11", "1"),
    ("d", UNKNOWN_TEXT, "login", "email", "2026-03-02T10:00:00Z", "1"),
)
COLUMNS = ("--text", "text", "--label", "label")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes rows to a file."""

    def write(
        rows: Sequence[Sequence[str]] = ROWS, head: Sequence[str] = HEAD, name: str = "march.csv"
    ) -> Path:
        path = tmp_path / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])
        return path

    return write


def test_a_file_is_measured_and_the_claims_are_judged(
    seamark: Command, publish_tiny: Callable[..., Path], write: Callable[..., Path]
) -> None:
    """As JSON on standard output alone, under the names of the model and of the file."""
    publish_tiny()
    columns = ("--id", "id", "--source", "source", "--time", "time", "--weight", "weight")
    code, out, err = seamark("evaluate", "tiny", "--data", write(), *COLUMNS, *columns, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["model"], found["data"], found["rows"], found["weighted"]) == (
        "tiny@1",
        "march.csv",
        4,
        True,
    )
    assert [each["name"] for each in found["sources"]] == ["chat", "email"]
    assert len(found["times"]) == 4
    assert found["classes"][0]["checks"][0]["verdict"] == "too few rows"


def test_people_read_a_table_and_sentences(
    seamark: Command, publish_tiny: Callable[..., Path], write: Callable[..., Path]
) -> None:
    """And what to do next; progress goes to standard error."""
    publish_tiny()
    code, out, err = seamark("evaluate", "tiny", "--data", write(), *COLUMNS)
    assert code == 0
    assert "tiny@1 on march.csv: 4 rows" in out
    assert "claims and expectations these rows are too few" in " ".join(out.split())
    assert "--out" in out
    assert err == ""  # stages are for a terminal


def test_out_writes_the_page_the_card_and_the_figures(
    seamark: Command, publish_tiny: Callable[..., Path], write: Callable[..., Path], tmp_path: Path
) -> None:
    """A path of a bundle serves as well as its name; twice gives the same bytes."""
    path = publish_tiny()
    data, out = write(), tmp_path / "new" / "report"
    for _ in range(2):
        code, printed, _err = seamark("evaluate", path, "--data", data, *COLUMNS, "--out", out, "--json")
        assert code == 0
        written = {each.name: each.read_bytes() for each in out.iterdir()}
        assert set(written) == {"report.html", "card.md", "evaluation.json"}
        assert json.loads(written["evaluation.json"]) == json.loads(printed)
        assert written.setdefault("first", written["report.html"]) == written["report.html"]
    assert "tiny@1 on march.csv" in (out / "card.md").read_text()
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_without_a_file_the_figures_of_the_fit_are_shown(
    seamark: Command, publish_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """They are in the bundle, and its name goes with them."""
    kept = made_up().to_json()
    publish_tiny(change=lambda parts: parts.update(evaluation=kept))
    code, out, _ = seamark("evaluate", "tiny", "--out", tmp_path / "r", "--json")
    assert code == 0
    assert json.loads(out) == kept | {"model": "tiny@1"}
    assert (tmp_path / "r" / "report.html").is_file()


def test_a_bundle_without_figures_asks_for_rows(
    seamark: Command, publish_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    """One line, also where they cannot be read."""
    publish_tiny()
    code, out, err = seamark("evaluate", "tiny")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "--data" in err
    publish_tiny(change=lambda parts: parts.update(evaluation={"rows": "many"}))
    code, out, err = seamark("evaluate", "tiny")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "value" in err


def test_a_table_needs_no_names_of_its_columns(
    seamark: Command, publish_tiny: Callable[..., Path], write: Callable[..., Path]
) -> None:
    """The bundle knows them."""
    publish_tiny(kind="features")
    head = ("topic", "amount", "urgent", "label")
    data = write([("login", "", "true", "login"), ("delivery", "2.5", "false", "billing")], head)
    code, out, _ = seamark("evaluate", "tiny", "--data", data, "--label", "label", "--json")
    assert code == 0
    assert [each["recall"]["estimate"] for each in json.loads(out)["classes"]] == [0.0, None, 1.0]


@pytest.mark.parametrize(
    ("head", "rows", "label"),
    [
        (("text", "labels"), [("billing login", "billing|login"), ("delivery", "")], ("--label", "labels")),
        (
            ("text", "billing", "delivery", "login"),
            [("billing login", "1", "0", "1"), ("delivery", "0", "0", "0")],
            ("--label", "billing", "--label", "delivery", "--label", "login"),
        ),
    ],
    ids=["cells", "indicator columns"],
)
def test_several_labels_in_either_form(
    seamark: Command,
    publish_tiny: Callable[..., Path],
    write: Callable[..., Path],
    head: tuple[str, ...],
    rows: list[tuple[str, ...]],
    label: tuple[str, ...],
) -> None:
    """The bundle knows that it is multi-label."""
    publish_tiny(kind="multilabel")
    code, out, _ = seamark(
        "evaluate", "tiny", "--data", write(rows, head), "--text", "text", *label, "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert found["task"] == "multilabel"
    assert [each["recall"]["estimate"] for each in found["classes"]] == [1.0, None, 1.0]


def test_a_file_of_one_class_is_measured_as_far_as_it_goes(
    seamark: Command, publish_tiny: Callable[..., Path], write: Callable[..., Path]
) -> None:
    """What it cannot say is said."""
    publish_tiny()
    code, out, _ = seamark("evaluate", "tiny", "--data", write(ROWS[:1]), *COLUMNS)
    assert code == 0
    assert "Every row is of billing" in out
    assert "No row is of delivery, login" in out


def test_labels_outside_the_classes_are_named_by_their_rows(
    seamark: Command, publish_tiny: Callable[..., Path], write: Callable[..., Path]
) -> None:
    """One line with counts and the classes there are; the labels themselves are content."""
    publish_tiny()
    data = write(
        [*ROWS, ("e", "x", "secret", "", "2026-03-03", "1"), ("f", "y", "other", "", "2026-03-03", "1")]
    )
    code, out, err = seamark("evaluate", "tiny", "--data", data, *COLUMNS, "--json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "5, 6" in err
    assert "'billing', 'delivery', 'login'" in err
    assert "secret" not in err


def test_costs_price_what_was_decided(
    seamark: Command, publish_tiny: Callable[..., Path], write: Callable[..., Path], tmp_path: Path
) -> None:
    """A wrong table is one line."""
    publish_tiny()
    costs = tmp_path / "costs.csv"
    costs.write_text("true,billing,delivery,login,review\nbilling,0,9,9,1\ndelivery,9,0,9,1\nlogin,9,9,0,1\n")
    code, out, _ = seamark("evaluate", "tiny", "--data", write(), *COLUMNS, "--costs", costs, "--json")
    assert code == 0
    assert json.loads(out)["costs"]["lines"][0]["realised"] == pytest.approx((9 + 1) / 4)
    costs.write_text("true,billing\nbilling,0\n")
    code, out, err = seamark("evaluate", "tiny", "--data", write(), *COLUMNS, "--costs", costs, "--json")
    assert (code, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("text", ("--text", "text"), ["--label"]),
        ("text", ("--label", "label"), ["--text", "tiny@1 takes texts"]),
        ("features", ("--text", "text", "--label", "label"), ["--text", "table"]),
    ],
)
def test_a_column_that_is_not_named_is_a_usage_error(
    seamark: Command,
    publish_tiny: Callable[..., Path],
    write: Callable[..., Path],
    kind: str,
    arguments: tuple[str, ...],
    words: list[str],
) -> None:
    """Exit code 2 and one line."""
    publish_tiny(kind=kind)
    code, out, err = seamark("evaluate", "tiny", "--data", write(), *arguments, "--json")
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert all(word in err for word in words), err


@pytest.mark.parametrize("package", ["sklearn", "matplotlib", "jinja2"])
def test_an_installation_without_the_extra_says_what_it_lacks(
    seamark: Command, monkeypatch: pytest.MonkeyPatch, publish_tiny: Callable[..., Path], package: str
) -> None:
    """One line that names the package and the extra, before any file is read."""
    publish_tiny()
    ours = (
        "model_store.reports.measure",
        "model_store.reports.report",
        "model_store.reports.plots",
        "model_store.reports.metrics",
    )
    for name in list(sys.modules):
        if name.split(".")[0] == package or name in (
            *ours,
            "model_store.reports.evaluate",
            "model_store.reports.evaluation_card",
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    for name in ours:
        parent, _, child = name.rpartition(".")
        monkeypatch.delattr(sys.modules[parent], child, raising=False)
    code, out, err = seamark("evaluate", "tiny", "--data", "missing.csv")
    assert (code, out) == (1, "")
    assert f"evaluating needs the package {package}" in err
    assert "seamark[train]" in err
