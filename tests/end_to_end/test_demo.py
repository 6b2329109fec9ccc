"""The demo keeps its promises on real processes, and its service answers the commands."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.cli.tickets import generate, write_csv
from tests.support.running import eventually

pytestmark = pytest.mark.slow


def seamark(directory: Path, *arguments: str, code: int = 0) -> Any:
    """Run a command in `directory` and return its JSON."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SEAMARK_", "BENTOML_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments, "--json"],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_the_demo_ends_calm_without_drift(tmp_path: Path) -> None:
    """30,000 unshifted items raise no alarm."""
    result = seamark(tmp_path, "demo", "--no-drift")
    assert result["passed"]
    assert result["items"] >= 30_000
    assert list(tmp_path.iterdir()) == []


def test_the_demo_does_the_same_with_a_file(tmp_path: Path) -> None:
    """A quick change of a class that is easily told, whose alarm comes when everything is sent already."""
    file = tmp_path / "tickets.csv"
    write_csv(file, generate(6_000, seed=5, fraud_share=0.04))
    result = seamark(tmp_path, "demo", "--data", str(file), "--text", "text", "--label", "label")
    assert [check["name"] for check in result["checks"] if not check["passed"]] == []


def test_the_demo_passes_and_its_service_answers_the_commands(tmp_path: Path) -> None:
    """Every check holds; drift, batches and labels are there for the command line as well."""
    result = seamark(tmp_path, "demo", "--keep")
    url, pid = result["service"]["url"], result["service"]["pid"]
    try:
        assert [check["name"] for check in result["checks"] if not check["passed"]] == []
        batches = seamark(tmp_path, "batch", "list", "--url", url)["batches"]
        assert all(each["labelled"] == each["items"] for each in batches)
        assert [each["reason"] for each in batches] == ["by_hand", "by_hand", "alarm"]
        batch = batches[-1]
        common = ("--url", url, "--to", str(tmp_path / "pulled"))
        for form in ("jsonl", "csv", "label_studio"):
            files = seamark(tmp_path, "batch", "pull", batch["id"], "--format", form, *common)["files"]
            assert all(Path(file).stat().st_size for file in files)
        lines = (tmp_path / "pulled" / f"{batch['id']}.jsonl").read_text().splitlines()
        keys = [json.loads(line)["key"] for line in lines]
        labels = tmp_path / "labels.json"
        labels.write_text(
            json.dumps(
                {
                    "labels": [
                        {"key": keys[0], "label": "billing", "annotation_id": "second opinion"},
                        {"key": keys[1], "label": "no such class", "annotation_id": "x"},
                        {"key": "not in the batch", "label": "billing", "annotation_id": "x"},
                    ]
                }
            )
        )
        receipt = seamark(tmp_path, "batch", "return", batch["id"], str(labels), "--url", url)
        assert (receipt["accepted"], [row["row"] for row in receipt["rejected"]]) == (1, [1, 2])
        assert seamark(tmp_path, "drift", "status", "--url", url)["state"] != "drift"
    finally:
        service = psutil.Process(pid)
        service.send_signal(signal.SIGTERM)
        eventually(
            lambda: not service.is_running() or service.status() == "zombie",
            within=30,
            what="the service ends",
        )
