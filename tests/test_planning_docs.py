"""docs/planning.md: its rules can be read, its shares are those of a wave, and a plan reads as it shows."""

import csv
import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from monitoring.plan.rules import LONGEST, PATIENCE_SECONDS, PATIENCE_SECONDS_A_TEXT, read_rules
from monitoring.plan.shares import sizes, sizes_by_model
from service.cli.main import app
from tests.support.command import runner

PAGE = (Path(__file__).parent.parent / "docs" / "planning.md").read_text()
(RULES,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
LINE, SHOWN = re.findall(r"```console\n\$ seamark ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)[0]
ELSEWHERE = {"--no-sample"}  # of `seamark fit`


def masked(said: str) -> list[str]:
    """Return the lines without their numbers and the width of their columns."""
    plain = (re.sub(r"\d[\d,]*", "N", line) for line in said.splitlines())
    return [re.sub(r" {2,}", "  ", line).rstrip() for line in plain]


def test_a_plan_reads_as_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line by line, but for numbers, of a pool of another size."""
    monkeypatch.chdir(tmp_path)
    words = np.random.default_rng(0).integers(0, 10**6, (2_500, 4)).tolist()
    with gzip.open("tweets.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "is_rt"])
        for n, row in enumerate(words):
            sign = " awful" if n % 2 == 0 else ""
            writer.writerow([n, " ".join(f"{word:x}" for word in row) + sign, int(n % 3 == 0)])
    Path("rules.yaml").write_text("hate: {keywords: [awful]}\n")
    code, said, _ = runner(monkeypatch, capsys)(*LINE.split())
    assert code == 0
    assert masked(said) == masked(SHOWN)


def test_every_option_the_page_names_is_there() -> None:
    """In the command line's help."""
    command = get_command(app).commands["plan"]  # type: ignore[attr-defined]
    options = {name for each in command.params for name in each.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) - ELSEWHERE
    assert named <= options
    assert {"--rules", "--model", "--labelled", "--manifest", "--class", "--source-cap"} <= named


def test_the_shares_are_those_of_a_wave() -> None:
    """Of a thousand items."""
    by_rules, by_model = sizes(1000, 2), sizes_by_model(1000, 2)
    told = {name: float(share) for name, share in re.findall(r"^\| (\w+) \| (\.\d+)", PAGE, re.MULTILINE)}
    assert {name: round(share * 1000) for name, share in told.items()} == by_model
    assert {name: by_rules[name] for name in ("rare", "explore")} == {"rare": 550, "explore": 150}


def test_the_rules_of_the_page_can_be_read(tmp_path: Path) -> None:
    """And their limits are those it tells."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    assert read_rules(path).classes == ("fraud",)
    assert f"only the first {LONGEST:,} characters" in PAGE
    more = PATIENCE_SECONDS_A_TEXT * 100_000
    assert f"A rule may take {PATIENCE_SECONDS:.0f} seconds of computing, and {more:.0f} more" in PAGE
