"""The options that several commands share, each spelled once."""

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from service.cli.ranges import DELTA
from service.values import MAX_NAME, MAX_REASON

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


def at_most(characters: int, *, least: int = 0) -> Callable[[str | None], str | None]:
    """Return a check that refuses another length before anything is done, as the service would afterwards."""

    def check(value: str | None) -> str | None:
        if value is not None and len(value) < least:
            raise typer.BadParameter(f"empty: give {least} to {characters:,} characters")
        if value is not None and len(value) > characters:
            raise typer.BadParameter(f"{len(value):,} characters: at most {characters:,} are kept")
        return value

    return check


A_NAME = at_most(MAX_NAME, least=1)
A_REASON = at_most(MAX_REASON, least=1)

BatchId: TypeAlias = Annotated[str, typer.Argument(help="Id of the batch.", callback=A_NAME)]
ProposalId: TypeAlias = Annotated[str, typer.Argument(help="Id of the proposal.", callback=A_NAME)]
By: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who does this, by default the current user; kept in the history.", callback=A_NAME
    ),
]
Why: TypeAlias = Annotated[
    str, typer.Option("--why", help="The reason; kept in the history.", callback=at_most(MAX_REASON))
]
NeededWhy: TypeAlias = Annotated[
    str, typer.Option("--why", help="The reason; kept in the history.", callback=A_REASON)
]
ModelKey: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", help="NAME@VERSION; by default the one in force.", callback=A_NAME),
]

# The columns of a labelled file.
TextColumn: TypeAlias = Annotated[str | None, typer.Option("--text", help="Column with the text.")]
FeatureColumns: TypeAlias = Annotated[
    str | None,
    typer.Option("--features", help="Columns of a table, COL,COL,...; instead of --text."),
]
LabelColumns: TypeAlias = Annotated[
    list[str],
    typer.Option("--label", help="Column with the label; several: one 0/1 column a label."),
]
MaybeLabelColumns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--label", help="Column with the label; several: one 0/1 column a label."),
]
Multilabel: TypeAlias = Annotated[
    bool, typer.Option("--multilabel", help="A cell holds any number of labels: a|b, or nothing.")
]
SourceColumn: TypeAlias = Annotated[str | None, typer.Option("--source", help="Column with the channel.")]
GroupColumn: TypeAlias = Annotated[
    str | None,
    typer.Option("--group", help="Column whose equal values stay in one split (a thread, a user)."),
]
IdColumn: TypeAlias = Annotated[
    str | None, typer.Option("--id", help="Column of ids; a duplicate is an error that names the rows.")
]

# How the rows were drawn from the traffic.
WeightColumn: TypeAlias = Annotated[
    str | None, typer.Option("--weight", help="Column with how many items each row stands for.")
]
InclusionColumn: TypeAlias = Annotated[
    str | None,
    typer.Option("--inclusion", help="Column with the probability each row was drawn with."),
]
CopiesColumn: TypeAlias = Annotated[
    str | None, typer.Option("--copies", help="Column with how many draws a row stands for.")
]
StratumColumn: TypeAlias = Annotated[
    str | None,
    typer.Option("--stratum", help="Column with the stratum; rows of `certainty` prove nothing."),
]
Sample: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--sample/--no-sample", help="Whether the rows are a sample of traffic; else nothing is certified."
    ),
]

# What the owner of a model asks of it.
Targets: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        help="CLASS:recall=0.85,precision=0.6,confidence=0.9,priority=abstain,certify=true; repeat for more.",
    ),
]
Delta: TypeAlias = Annotated[
    float,
    typer.Option("--delta", help="A claim may fail with at most this probability.", **DELTA),
]
Joint: TypeAlias = Annotated[
    bool, typer.Option("--joint", help="All claims together hold with that confidence, not each on its own.")
]
CostsFile: TypeAlias = Annotated[
    Path | None, typer.Option("--costs", help="CSV of costs, true class by decided class: decide by cost.")
]
Priority: TypeAlias = Annotated[
    str | None, typer.Option("--priority", help="CLASS,CLASS: the first of them that passes is the label.")
]
RequireOne: TypeAlias = Annotated[
    bool, typer.Option("--require-one", help="Multi-label: an item without a label goes to review.")
]

# The same where something was asked before: what is not given stays.
NewDelta: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--delta", help="A claim may fail with at most this probability; by default as before.", **DELTA
    ),
]
NewJoint: TypeAlias = Annotated[
    bool | None, typer.Option("--joint/--no-joint", help="All claims together; by default as before.")
]
NewRequireOne: TypeAlias = Annotated[
    bool | None,
    typer.Option("--require-one/--no-require-one", help="Multi-label: none is for review, or not."),
]

DEFAULT_STORE = Path("var/models")
DEFAULT_URL = "http://127.0.0.1:3000"


def current_user() -> str:
    """Return the name of who runs the command, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's uid often has no entry in the user database
        return "unknown"
