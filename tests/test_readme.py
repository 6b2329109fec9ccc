"""The README's commands do what it says, in the order it gives them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.cli.tickets import generate, write_csv
from tests.support.running import free_port

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_every_make_command_of_the_readme_exists() -> None:
    """Each `make X` that the README names is a target with a help line."""
    named = set(re.findall(r"make ([a-z][a-z-]*)", "\n".join(BLOCKS)))
    described = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= described


def test_the_first_screen_is_short() -> None:
    """What a newcomer sees without scrolling: the sentence, the diagram and the two commands."""
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])
    assert "make demo" in first_screen
    assert "make test" in first_screen
    assert "```mermaid" in first_screen


@pytest.mark.slow
def test_the_commands_for_own_data_run_as_written(tmp_path: Path) -> None:
    """Every `seamark` and `curl` block runs on a small file, against the service that the README starts."""
    write_csv(tmp_path / "tickets.csv", generate(3_000, seed=1, fraud_share=0.05))
    port = free_port()
    commands = [block for block in BLOCKS if "make " not in block]
    assert {"seamark fit", "seamark serve", "seamark drift replay"} <= set(
        re.findall(r"seamark (?:drift )?\w+", "\n".join(commands))
    )
    script = "set -euo pipefail\n" + "\n".join(commands).replace("127.0.0.1:3000", f"127.0.0.1:{port}")
    script = script.replace(
        "seamark serve &",
        "seamark serve >service.log 2>&1 &\nuntil curl -sf $SEAMARK_URL/readyz; do sleep .2; done",
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SEAMARK_", "BENTOML_"))
    }
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SEAMARK_PORT": str(port),
        "SEAMARK_URL": f"http://127.0.0.1:{port}",
    }
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=240)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        time.sleep(2)  # the service ends on SIGTERM; only then may its directory go
    assert process.returncode == 0, output
    assert '"predictions"' in output, output
