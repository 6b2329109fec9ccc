"""A process that was killed is told of by the one that watches over it."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from service.departed import logger, tell_departures


@dataclass
class Watched:
    """What circus knows of the processes of one service."""

    name: str
    respawn: bool = True
    status: str = "active"
    hooks: dict[str, Any] = field(default_factory=dict)
    processes: dict[int, Any] = field(default_factory=lambda: {1234: SimpleNamespace(wid=3)})

    def is_stopping(self) -> bool:
        """Tell whether the server is being stopped."""
        return self.status == "stopping"

    def is_stopped(self) -> bool:
        """Tell whether the server was stopped."""
        return self.status == "stopped"

    def reap(self, exit_code: int | None) -> None:
        """Find the process ended, with the calls that circus makes."""
        told = {"watcher": self, "arbiter": None, "process_pid": 1234, "time": 0.0}
        self.hooks["before_reap"](**told, hook_name="before_reap")
        self.processes.pop(1234)
        self.hooks["after_reap"](**told, hook_name="after_reap", exit_code=exit_code, process_status=None)


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    """Take the handler away, which writes where the test captured."""
    yield
    logger.handlers.clear()


def watched(name: str, **options: Any) -> Watched:
    """Return a service of which BentoML starts the processes."""
    serving = ModuleType("serving")
    serving.create_watcher = Watched  # type: ignore[attr-defined]
    tell_departures(serving)
    made: Watched = serving.create_watcher(name=name, **options)
    return made


@pytest.mark.parametrize(
    ("name", "exit_code", "line"),
    [
        (
            "service",
            -9,
            "worker 3, process 1234, is gone: killed by signal 9, SIGKILL; another takes its place",
        ),
        ("service", -77, "worker 3, process 1234, is gone: killed by signal 77; another takes its place"),
        ("service", 1, "worker 3, process 1234, is gone: ended with code 1; another takes its place"),
        ("service", None, "worker 3, process 1234, is gone: nobody knows how; another takes its place"),
        (
            "monitor",
            -11,
            "the watcher, process 1234, is gone: killed by signal 11, SIGSEGV; another takes its place",
        ),
    ],
)
def test_who_is_gone_and_how_is_one_line(
    caplog: pytest.LogCaptureFixture, name: str, exit_code: int | None, line: str
) -> None:
    """As much as can be known: a worker's number, the signal or the code."""
    watched(name).reap(exit_code)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, line)


def test_where_nothing_replaces_it_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """BentoML leaves that to what runs the container."""
    watched("service", respawn=False).reap(-9)
    assert caplog.messages[0].endswith("; none takes its place")


@pytest.mark.parametrize("status", ["stopping", "stopped"])
def test_an_end_that_was_asked_for_is_no_news(caplog: pytest.LogCaptureFixture, status: str) -> None:
    """A server that is told to stop ends all of its processes."""
    watched("service", status=status).reap(-15)
    assert caplog.records == []


def test_the_line_looks_as_those_of_workers_do(capsys: pytest.CaptureFixture[str]) -> None:
    """With a time, also where BentoML has silenced all loggers that were there before."""
    logger.disabled = True
    watched("service").reap(-9)
    line = r"\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d{4} \[ERROR\] \[server\] worker 3, process 1234, is gone: .*\n"
    assert re.fullmatch(line, capsys.readouterr().out)


def test_what_bentoml_has_watched_takes_the_hooks() -> None:
    """Its own function still is where processes are set up, and circus still has both hooks."""
    from bentoml import serving

    original = serving.create_watcher
    try:
        tell_departures(serving)
        made = serving.create_watcher(name="service", args=[])
    finally:
        serving.create_watcher = original
    assert made.hooks.keys() == {"before_reap", "after_reap"}


def test_another_bentoml_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """Without the function the server starts all the same, and says what it does not tell."""
    tell_departures(ModuleType("serving"))
    assert "is not logged" in caplog.text
