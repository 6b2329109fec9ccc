"""The command that starts the service: settings from the environment, options on top."""

import os
from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import Json


def serve(
    store: Annotated[
        Path | None, typer.Option("--store", help="Directory of bundles [SEAMARK_STORE].")
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="Directory of the state [SEAMARK_STATE].")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Name of the bundle [SEAMARK_MODEL].")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to bind [SEAMARK_HOST].")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to bind [SEAMARK_PORT].")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Worker processes [SEAMARK_WORKERS].")
    ] = None,
    json: Json = False,
) -> None:
    """Serve the bundle in force; every other setting is a SEAMARK_* variable (docs/operating.md)."""
    from service.serve import serve as run_server  # noqa: PLC0415 - bentoml takes a second to import
    from service.settings import PREFIX, SettingInvalid, read_settings  # noqa: PLC0415

    given = {"STORE": store, "STATE": state, "MODEL": model, "HOST": host, "PORT": port, "WORKERS": workers}
    environment = dict(os.environ) | {
        f"{PREFIX}{name}": str(value) for name, value in given.items() if value is not None
    }
    try:
        settings = read_settings(environment)
    except SettingInvalid as error:
        name = error.variable.removeprefix(PREFIX)
        if given.get(name) is None:
            raise
        message, option = f"{error.value!r} is not {error.expected}", f"--{name.lower()} ({error.variable})"
        raise typer.BadParameter(message, param_hint=option) from None
    raise typer.Exit(run_server(settings, as_json=json))
