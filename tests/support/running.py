"""A real service for the tests that need one: its processes, its log, and how to wait for it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest

from service.cli.demo.server import free_port

READY_SECONDS: Final = 60.0
SEAMARK_SERVE: Final = (sys.executable, "-m", "service.cli", "serve")


@dataclass
class RunningService:
    """A served bundle and the processes behind it."""

    base_url: str
    models: Path
    state: Path
    log: Path
    process: "subprocess.Popen[bytes]"
    client: httpx.Client = field(repr=False)

    def predict(self, *texts: str, **query: str) -> httpx.Response:
        """POST the texts as one request."""
        items = [{"text": text} for text in texts]
        return self.client.post("/predict", json={"items": items}, params=query)

    def processes(self, service_name: str) -> list[psutil.Process]:
        """Return the live processes of one BentoML service, `Seamark` (workers) or `Monitor` (watcher)."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                command = child.cmdline()
                if child.status() == psutil.STATUS_ZOMBIE:
                    continue
            except psutil.NoSuchProcess:
                continue
            if (
                "--service-name" in command
                and command[command.index("--service-name") + 1].lower() == service_name.lower()
            ):
                found.append(child)
        return found

    def metric(self, name: str) -> float:
        """Return the sum of all series of a metric."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " "))
        )

    def kill(self) -> None:
        """End every process at once with SIGKILL, as a power cut would."""
        everyone = [self.process, *psutil.Process(self.process.pid).children(recursive=True)]
        for each in everyone:
            each.kill()
        for each in everyone:
            each.wait(timeout=5)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait(timeout=5)


def eventually(holds: Callable[[], bool], *, within: float, what: str) -> None:
    """Wait until a real process has done what is expected of it; fail with `what` otherwise."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.05)
    pytest.fail(f"not within {within:.0f} s: {what}")


def launch(
    directory: Path, models: Path, settings: Mapping[str, str], *, command: Sequence[str] = SEAMARK_SERVE
) -> RunningService:
    """Start a server on a free port over a copy of `models` and wait until it is ready.

    In a directory that was served from before it goes on with the same bundles and the same state.
    """
    service = spawn(directory, models, settings, command=command)

    def ready() -> bool:
        if service.process.poll() is not None:
            code, log = service.process.returncode, service.log.read_text()
            pytest.fail(f"the service ended with code {code}: {log[-2000:]}")
        try:
            return service.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    said = service.log.read_text()[-2000:]
    eventually(ready, within=READY_SECONDS, what=f"the service is ready; its log: {said}")
    return service


def spawn(
    directory: Path, models: Path, settings: Mapping[str, str], *, command: Sequence[str] = SEAMARK_SERVE
) -> RunningService:
    """Start a server as `launch` does, and do not wait for it."""
    own_models = directory / "models"
    if not own_models.exists():
        shutil.copytree(models, own_models)
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SEAMARK_", "BENTOML_"))
    }
    environment |= {
        "SEAMARK_STORE": str(own_models),
        "SEAMARK_STATE": str(directory / "state"),
        "SEAMARK_MODEL": "tickets",
        "SEAMARK_PORT": str(port),
        "SEAMARK_WORKERS": "2",
        "SEAMARK_BUCKET_SECONDS": "0.5",
        "SEAMARK_FLUSH_SECONDS": "0.25",
        "SEAMARK_BASELINE_SECONDS": "0",
        **settings,
    }
    log = directory / "service.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0, trust_env=False)
    return RunningService(str(client.base_url), own_models, directory / "state", log, process, client)
