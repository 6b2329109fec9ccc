"""What do the options of a command ask of a model, in the library's terms?"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from monitoring.waves.cells import unguard

if TYPE_CHECKING:
    from model_store.data.rows import Rows
    from model_store.graphs.columns import ColumnKind
    from model_store.promises.claims import Claims

_KINDS: Final = ("float", "integer", "text", "boolean")


def names(listed: str | None) -> tuple[str, ...]:
    """Return the names in a list with commas; none for no list."""
    return tuple(name.strip() for name in listed.split(",")) if listed else ()


def label_columns(given: Sequence[str]) -> str | tuple[str, ...]:
    """Return the one label column, or the indicator columns."""
    return given[0] if len(given) == 1 else tuple(given)


def item_columns(text: str | None, features: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of texts or the columns of a table; a usage error unless exactly one was named."""
    if (text is None) == (features is None):
        raise typer.BadParameter(
            "name the column of the texts, or --features and the columns of a table", param_hint="--text"
        )
    return text, tuple(_with_kind(each)[0] for each in names(features))


def column_kinds(features: str | None) -> "dict[str, ColumnKind]":
    """Return the kinds that are declared in a list of feature columns, as in `amount,zip:text`."""
    found = dict(_with_kind(each) for each in names(features))
    return {name: kind for name, kind in found.items() if kind is not None}


def _with_kind(column: str) -> "tuple[str, ColumnKind | None]":
    name, _, kind = column.rpartition(":")
    return (name, kind) if kind in _KINDS and name else (column, None)  # type: ignore[return-value]


def claims_of(
    targets: Sequence[str] | None,
    *,
    delta: float,
    joint: bool,
    priority: str | None,
    require_one: bool,
) -> "Claims":
    """Return what is asked of the model as a whole and class by class."""
    from model_store.promises.claims import Claims  # noqa: PLC0415 - what only some commands need loads only then
    from model_store.promises.thresholds import parse_target  # noqa: PLC0415

    return Claims(
        targets=tuple(map(parse_target, targets or ())),
        delta=delta,
        joint=joint,
        priority=names(priority),
        require_one=require_one,
    )


def asked_anew(
    before: "Claims",
    targets: Sequence[str] | None,
    *,
    delta: float | None,
    joint: bool | None,
    priority: str | None,
    require_one: bool | None,
) -> "Claims":
    """Return what was asked before, but for what is asked anew; a target replaces that of its class."""
    from model_store.promises.thresholds import parse_target  # noqa: PLC0415

    new = {target.class_name: target for target in map(parse_target, targets or ())}
    kept = [target for target in before.targets if target.class_name not in new]
    given = {"delta": delta, "joint": joint, "require_one": require_one}
    if priority is not None:
        before = replace(before, priority=names(priority), costs=None)
    return replace(
        before,
        targets=(*kept, *new.values()),
        **{what: value for what, value in given.items() if value is not None},  # type: ignore[arg-type]
    )


def with_costs(claims: "Claims", costs: Path | None, classes: Sequence[str]) -> "Claims":
    """Return the claims, decided by the costs in a file if one was named."""
    from model_store.costs import read_costs  # noqa: PLC0415

    return claims if costs is None else replace(claims, costs=read_costs(costs, tuple(classes)))


def of_a_batch(rows: "Rows") -> "Rows":
    """Return the rows of a labelling batch's CSV without the marks that guard spreadsheets."""
    features = rows.features and {name: tuple(map(unguard, cells)) for name, cells in rows.features.items()}
    return replace(rows, texts=tuple(map(unguard, rows.texts)), features=features)
