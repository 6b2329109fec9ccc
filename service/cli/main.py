"""The `seamark` command: one module per command group, errors in one line with an exit code."""

import io
import os
import sys
from importlib.metadata import version
from typing import Annotated, Final

import typer

from model_store.errors import ModelStoreError
from monitoring.errors import MonitoringError
from service.cli import batch, bundle, demo, drift, proposal
from service.cli.client import ClientError
from service.cli.erase import erase
from service.cli.estimates import estimates
from service.cli.evaluate import evaluate
from service.cli.files import FileRefused
from service.cli.fit import fit
from service.cli.labels import labels
from service.cli.output import err
from service.cli.plan import plan
from service.cli.refit import refit
from service.cli.serve import serve
from service.settings import ServiceError

EXPECTED: Final = (ModelStoreError, MonitoringError, ServiceError, ClientError, FileRefused, demo.DemoError)
# The base of typer's public errors has no public name of its own, here or in click, which it once came from.
UsageError: Final[type[Exception]] = typer.BadParameter.__bases__[0]
USAGE_CODE: Final = 2
INTERRUPTED_CODE: Final = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Seamark serves a classifier, notices when its traffic moves, and says what to label next.",
)
app.command()(fit)
app.command()(refit)
app.command()(evaluate)
app.command()(serve)
app.command()(demo.demo)
app.command()(erase)
app.command()(labels)
app.command()(estimates)
app.command()(plan)
app.add_typer(bundle.app, name="bundle")
app.add_typer(drift.app, name="drift")
app.add_typer(batch.app, name="batch")
app.add_typer(proposal.app, name="proposal")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(version("seamark"))
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


def run() -> None:
    """Run the command line; a foreseen error is one line on standard error, exit code 1, or 2 for usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a class may have letters that a terminal has not
    try:
        try:
            # Not standalone: typer's own way to show an error is a frame of several lines.
            code = app(prog_name="seamark", standalone_mode=False)
        finally:
            sys.stdout.flush()  # now: at the interpreter's end a full disk would be three lines and code 120
    except UsageError as error:
        if message := usage_message(error):
            err.print(f"seamark: {message}", markup=False)
        sys.exit(USAGE_CODE)
    except EXPECTED as error:
        err.print(f"seamark: {error}", markup=False)
        sys.exit(1)
    except BrokenPipeError:
        _give_output_up()  # its reader has gone: nothing to say, and nobody to say it to
        sys.exit(1)
    except OSError as error:
        err.print(f"seamark: {error.filename or 'output'}: {error.strerror}", markup=False)
        _give_output_up()
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED_CODE)
    sys.exit(code)


def usage_message(error: Exception) -> str:
    """Return what is wrong with a command line and where its options are listed, in one line.

    Empty where only a group was named: its help was shown then.
    """
    said = " ".join(getattr(error, "format_message", error.__str__)().split()).removesuffix(".")
    context = getattr(error, "ctx", None)
    if not said or context is None:
        return said
    return f"{said[0].lower()}{said[1:]}; see `{context.command_path} --help`"


def _give_output_up() -> None:
    """Let the interpreter end without trying once more to write what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
