"""What came back from the labelers, for a fit or a refit: asked of a running service, and proposed to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias
from urllib.parse import quote

import numpy as np
import typer

from model_store import Model, ModelStore, load_model
from model_store.bundles.bundle import read_manifest
from model_store.errors import TrainingError, UnknownBundle
from monitoring.meaning.wording import number_of
from monitoring.proposing import ProposalKind, fingerprint
from service.cli.client import Client, ClientError
from service.cli.options import current_user

if TYPE_CHECKING:
    from model_store.data.returned import Returned
    from model_store.data.rows import Rows
    from model_store.training.fit_result import FitResult

WithLabels: TypeAlias = Annotated[
    bool,
    typer.Option("--with-labels", help="Take the labels that came back from batches from the service."),
]
Batches: TypeAlias = Annotated[
    list[str] | None, typer.Option("--batch", help="With --with-labels: of these batches only.")
]
Pool: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--pool",
        help="With --with-labels: I declare that traffic is as it was, so old rows and explored labels "
        "count together.",
    ),
]

Certify: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--certify/--no-certify",
        help="With --with-labels: explored labels set the threshold of a target they prove.",
    ),
]

_NONE: Final = "none_of_these"


class NoLabels(ClientError):
    """The service has no label that could be used."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no labels came back yet{why}: send them with `seamark batch return`")


class OtherModel(ClientError):
    """The service answers for another name, or has no version in force."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Labels of a service, and the version in force there.

    Parameters
    ----------
    basis : mapping
        What `/v1/proposals/basis` said.
    nameless : int
        Labels that were left out since their text was not kept.
    """

    client: Client
    base: Model
    labels: Sequence[Mapping[str, Any]]
    basis: Mapping[str, Any]
    nameless: int

    def returned(self, *, columns: Sequence[str] = ()) -> "Returned":
        """Return the labels as rows of the model's kind; `columns` are those of a table."""
        from model_store.data.returned import Returned  # noqa: PLC0415 - loads what only training needs

        by_batch = {each["batch"]: each for each in self.basis["batches"]}
        ids = [each["batch"] for each in self.labels]
        return Returned(
            _rows(self.labels, several=self.base.bundle.manifest.task == "multilabel", columns=columns),
            tuple(ids),
            whole=np.array([by_batch[id]["whole"] if id in by_batch else False for id in ids], np.bool_),
            present=np.array([by_batch[id]["present"] if id in by_batch else False for id in ids], np.bool_),
        )


def goes_with_labels(*, batch: Sequence[str] | None, pool: bool = False) -> None:
    """Refuse an option that without labels from a service would silently do nothing."""
    for option, given in (("--batch", batch), ("--pool", pool)):
        if given:
            raise typer.BadParameter("it goes with --with-labels", param_hint=option)


def collect(url: str, key: str, *, name: str, store: ModelStore, batches: Sequence[str]) -> Collected:
    """Ask a service for its labels and its version in force, which must be in this store too.

    Raises
    ------
    ClientError
        The service does not answer, serves another name, or has no labels, or none of these batches.
    """
    client = Client(url, key, timeout_seconds=120.0)
    basis = client.get("/v1/proposals/basis").json()
    if basis["name"] != name or basis["current"] is None:
        raise OtherModel(
            f"{url} serves {basis['name']!r}"
            + (" and no version of it is in force" if basis["current"] is None else "")
            + f"; the labels are of that model, not of {name!r}: name it, or another --url"
        )
    try:
        base = load_model(store.path(name, basis["current"]))
    except UnknownBundle as error:
        raise OtherModel(
            f"{url} serves {name}@{basis['current']}, which {store.root} lacks; "
            "give the service's store with --store"
        ) from error
    lines = client.get("/v1/labels", params={"format": "jsonl"}).content.split(b"\n")
    labels = [json.loads(line) for line in lines if line.strip()]
    for batch in sorted(set(batches) - {each["batch"] for each in labels}):
        client.get(f"/v1/batches/{quote(batch, safe='')}")  # a misspelt id is no batch without labels
    mine = [each for each in labels if not batches or each["batch"] in batches]
    kept = [each for each in mine if _content(each) is not None]
    if not kept:
        raise NoLabels(
            f" from {', '.join(batches)}" if batches and labels else "" if not mine else " with a text"
        )
    return Collected(client, base, kept, basis, len(mine) - len(kept))


def propose(
    collected: Collected, result: "FitResult", *, kind: ProposalKind, by: str | None, why: str
) -> Mapping[str, Any]:
    """Compare a new version with the one in force, and send the proposal; return what is stored."""
    from model_store.reports.proposal import compare, explored_labels_needed  # noqa: PLC0415

    comparison = compare(collected.base, load_model(result.path), result.evidence)
    facts = read_manifest(result.path).training["returned"]
    comparison |= {
        "labels": facts | {"without_text": collected.nameless},
        "basis": dict(collected.basis),
        "explored_labels_needed": explored_labels_needed(comparison),
    }
    of = f"{number_of(facts['labels'], 'label')} of {number_of(len(facts['batches']), 'batch')}"
    body = {
        "by": by or current_user(),
        "why": why or f"{kind} with {of}",
        "kind": kind,
        "base": collected.base.bundle.manifest.version,
        "candidate": result.version,
        "digest": fingerprint(read_manifest(result.path)),
        "comparison": _plain(comparison),
        "alarm": collected.basis["alarm"],
    }
    stored: Mapping[str, Any] = collected.client.post("/v1/proposals", json=body).json()
    return stored


def check_classes(base: Model, rows: "Rows", *, multilabel: bool) -> None:
    """Refuse a file of other classes than the model's before anything is trained on it."""
    from model_store.data.labelled import labelled_of  # noqa: PLC0415
    from model_store.reports.proposal import check_classes as check  # noqa: PLC0415

    if multilabel != (base.bundle.manifest.task == "multilabel"):
        raise TrainingError(
            f"{base.key} gives {'one label' if multilabel else 'several labels'} an item and the file the "
            "other: labels that came back cannot be added to it"
        )
    check(base.classes, labelled_of(rows).classes)


def _rows(labels: Sequence[Mapping[str, Any]], *, several: bool, columns: Sequence[str]) -> "Rows":
    from model_store.data.rows import Rows  # noqa: PLC0415

    contents = [_content(each) for each in labels]
    features = {
        name: tuple(
            _cell(content[name] if isinstance(content, Mapping) and name in content else None)
            for content in contents
        )
        for name in columns
    }
    names = [_names(each["label"]) for each in labels]
    return Rows(
        texts=() if columns else tuple(str(content) for content in contents),
        features=features or None,
        labels=None if several else tuple(each[0] if each else _NONE for each in names),
        label_sets=tuple(frozenset(each) - {_NONE} for each in names) if several else None,
        sources=tuple(str(each.get("source") or "") for each in labels),
        ids=tuple(f"{each['batch']}/{each['key']}" for each in labels),
        weights=tuple(float(each["weight"]) for each in labels),
        strata=tuple(each["stratum"] for each in labels),
    )


def _content(row: Mapping[str, Any]) -> str | Mapping[str, Any] | None:
    """Return an item's text or features; None where they were not kept."""
    features = row.get("features")
    if isinstance(features, Mapping):
        return features
    text = row.get("text")
    return text if isinstance(text, str) and text.strip() else None


def _names(label: object) -> tuple[str, ...]:
    return tuple(map(str, label)) if isinstance(label, list) else (str(label),)


def _cell(value: object) -> str:
    """Return a value as a cell of a CSV file has it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    """Return numbers as JSON has them, rounded to what a reader can use."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 6)
    return value.item() if isinstance(value, np.generic) else value
