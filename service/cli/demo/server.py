"""How does the demo run a real service of its own: a process on a free port, ready or a reason why not."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.cli.demo.errors import DemoError

READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A service that runs: where it answers, and which process to end."""

    url: str
    pid: int


def free_port() -> int:
    """Return a TCP port that was free on loopback a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_service(directory: Path, settings: Mapping[str, str], *, keep: bool) -> Iterator[Server]:
    """Run `seamark serve` with these settings; yields it once it is ready.

    Parameters
    ----------
    directory
        Receives `service.log`.
    settings
        SEAMARK_* variables.
    keep
        Leave the service running afterwards.

    Raises
    ------
    DemoError
        The service ended or was not ready within 60 s; the message holds the end of its log.
    """
    log = directory / "service.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve"],
            env={**os.environ, **settings},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{settings['SEAMARK_PORT']}"
    finished = False
    try:
        _wait_until_ready(url, process, log)
        yield Server(url, process.pid)
        finished = True
    finally:
        if not (keep and finished):
            _stop(process)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"the service ended with code {process.returncode}: {_tail(log)}")
        try:
            if httpx.get(f"{url}/readyz", timeout=1.0, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise DemoError(f"the service was not ready within {READY_SECONDS:.0f} s: {_tail(log)}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=5)


def _tail(log: Path, lines: int = 3) -> str:
    return " | ".join(log.read_text(errors="replace").strip().splitlines()[-lines:]) or "its log is empty"
