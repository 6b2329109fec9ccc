"""The options that several commands share, each spelled once."""

import getpass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Store: TypeAlias = Annotated[
    Path, typer.Option("--store", envvar="SEAMARK_STORE", help="Directory of bundles.", show_default=True)
]
Url: TypeAlias = Annotated[
    str, typer.Option("--url", envvar="SEAMARK_URL", help="Address of the running service.")
]
Key: TypeAlias = Annotated[
    str,
    typer.Option(
        "--key", envvar="SEAMARK_KEY", help="Access key, when the service has keys.", show_default=False
    ),
]
By: TypeAlias = Annotated[str, typer.Option("--by", help="Who does this; kept in the history.")]
Why: TypeAlias = Annotated[str, typer.Option("--why", help="The reason; kept in the history.")]

DEFAULT_STORE = Path("var/models")
DEFAULT_URL = "http://127.0.0.1:3000"


def current_user() -> str:
    """Return the name of who runs the command, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's uid often has no entry in the user database
        return "unknown"
