"""Can a server start with these settings, and if so, run it until it is told to stop.

What would fail in every worker is found here, before any is started, and said in one line.
"""

import json
import os
import socket
import sys
from pathlib import Path

from model_store.errors import UnknownBundle
from model_store.model import load_model
from model_store.store import ModelStore
from monitoring.clock import SystemClock
from monitoring.store import open_store
from service.access import read_keys
from service.settings import ServiceError, Settings


class PortInUse(ServiceError):
    """Another process listens where this server should."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host, self.port, self.reason = host, port, reason

    def __str__(self) -> str:
        return f"cannot listen on {self.host}:{self.port} ({self.reason}); choose another with SEAMARK_PORT"


class ModelNotChosen(ServiceError):
    """The store has none or several names, and none was chosen."""

    def __init__(self, store: Path, names: tuple[str, ...]) -> None:
        super().__init__(store, names)
        self.store, self.names = store, names

    def __str__(self) -> str:
        if not self.names:
            return f"{self.store}: no bundle in this store; fit one with `seamark fit` or set SEAMARK_STORE"
        return f"{self.store}: has {', '.join(self.names)}; choose one with SEAMARK_MODEL"


class NothingPromoted(ServiceError):
    """The name has versions, and none is in force."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"no version of {self.name!r} is in force; run `seamark bundle promote {self.name} VERSION`"


def serve(settings: Settings, *, as_json: bool = False) -> int:
    """Check, then serve until SIGTERM or SIGINT; requests in flight are answered first.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    ServiceError, ModelStoreError, MonitoringError
        The server cannot start; nothing was started.
    """
    key = check(settings)
    prepare_environment(settings)
    url = f"http://{settings.host}:{settings.port}"
    line = {"url": url, "model": key, "workers": settings.workers, "state": str(settings.state)}
    sys.stdout.write(
        json.dumps(line) + "\n" if as_json else f"serving {key} on {url}, {settings.workers} workers\n"
    )
    sys.stdout.flush()
    # Only now: bentoml reads its home and metrics directory when it is imported.
    from service.app import Seamark  # noqa: PLC0415

    Seamark.serve_http(host=settings.host, port=settings.port)  # type: ignore[attr-defined]
    return 0


def check(settings: Settings) -> str:
    """Return the key of the bundle that would answer, after trying everything a worker needs."""
    check_port(settings.host, settings.port)
    if settings.keys_file is not None:
        read_keys(settings.keys_file)
    store = ModelStore(settings.store)
    name = chosen_name(store, settings.model)
    version = store.current(name)
    if version is None:
        raise NothingPromoted(name)
    key = load_model(store.path(name, version)).key
    open_store(settings.state, clock=SystemClock()).close()
    return key


def chosen_name(store: ModelStore, wanted: str | None) -> str:
    """Return the name to serve: the wanted one, or the only one there is."""
    names = tuple(store.names())
    if wanted is not None:
        if wanted not in names:
            raise UnknownBundle(wanted)
        return wanted
    if len(names) != 1:
        raise ModelNotChosen(store.root, names)
    return names[0]


def check_port(host: str, port: int) -> None:
    """Raise `PortInUse` if nothing could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server does: connections of an earlier one that still time out are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(host, port, error.strerror or str(error)) from None


def prepare_environment(settings: Settings) -> None:
    """Hand the settings on to the processes that BentoML starts, and give this server a home of its own.

    Under a shared home a second server would delete the first one's metrics at its start.
    """
    home = settings.state.absolute() / "servers" / f"{socket.gethostname()}-{settings.port}"
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update(settings.to_environment())
    os.environ["BENTOML_HOME"] = str(home)
