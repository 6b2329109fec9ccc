"""Can a server start with these settings, and if so, run it until it is told to stop.

What would fail in every worker is found here, before any is started, and said in one line.
"""

import errno
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
from service.departed import tell_departures
from service.home import server_home
from service.orphan import SERVER_PID
from service.settings import ServiceError, Settings, misspelt


class PortInUse(ServiceError):
    """Another process listens where this server should."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host, self.port, self.reason = host, port, reason

    def __str__(self) -> str:
        where = f"{self.host}:{self.port}"
        return f"cannot listen on {where} ({self.reason}); choose another with --port (SEAMARK_PORT)"


class HostUnknown(ServiceError):
    """The host to listen on is not an address of this machine."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(host, reason)
        self.host, self.reason = host, reason

    def __str__(self) -> str:
        return (
            f"cannot listen on {self.host!r} ({self.reason}); "
            "set --host (SEAMARK_HOST) to 127.0.0.1 or 0.0.0.0"
        )


class ModelNotChosen(ServiceError):
    """The store has none or several names, and none was chosen."""

    def __init__(self, store: Path, names: tuple[str, ...]) -> None:
        super().__init__(store, names)
        self.store, self.names = store, names

    def __str__(self) -> str:
        if not self.names:
            return (
                f"{self.store}: no bundle in this store; "
                "fit one with `seamark fit` or set --store (SEAMARK_STORE)"
            )
        return f"{self.store}: has {', '.join(self.names)}; choose one with --model (SEAMARK_MODEL)"


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
    for name, meant in misspelt().items():
        sys.stderr.write(f"seamark: {name} is no setting and is ignored; did you mean {meant}?\n")
    key = check(settings)
    with server_home(settings) as home:
        prepare_environment(settings, home=home)
        url = f"http://{_in_url(settings.host)}:{settings.port}"
        line = {"url": url, "model": key, "workers": settings.workers, "state": str(settings.state)}
        sys.stdout.write(
            json.dumps(line) + "\n" if as_json else f"serving {key} on {url}, {settings.workers} workers\n"
        )
        sys.stdout.flush()
        # Only now: bentoml reads its home and metrics directory when it is imported.
        from bentoml import serving  # noqa: PLC0415

        from service.app import Seamark  # noqa: PLC0415

        tell_departures(serving)
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
    state = open_store(settings.state, clock=SystemClock())
    try:
        state.check_writable()
    finally:
        state.close()
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
        except socket.gaierror as error:
            raise HostUnknown(host, error.strerror or "no address") from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise HostUnknown(host, "not an address of this machine") from None
            raise PortInUse(host, port, error.strerror or str(error)) from None


def prepare_environment(settings: Settings, *, home: Path) -> None:
    """Hand on to the processes that BentoML starts the settings, the home they share, and who starts them."""
    os.environ.update(settings.to_environment())
    os.environ["BENTOML_HOME"] = str(home)
    os.environ[SERVER_PID] = str(os.getpid())


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
