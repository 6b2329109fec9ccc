"""Import: how does a model that was trained elsewhere become a bundle that says what it can promise?

Its graph is read and simplified (`graph`), what it takes and gives is recognised (`recognise`), and the rows
of a labelled file show whether that is right (`reading`). Then they do what held-out rows do after training:
calibrate, set thresholds, measure (`assembly`).
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import MODEL_FILE, Seen
from model_store.calibrating.calibration import LogProbabilities, indicators
from model_store.costs import read_costs
from model_store.data.cells import MISSING
from model_store.data.drawn import Drawn, drawn
from model_store.data.labelled import groups_of, named_groups, signatures_of, sources_of
from model_store.data.leakage import Leakage, leakage, names_of
from model_store.data.rows import Progress, Rows
from model_store.data.signatures import SIMILARITY, THOROUGH_BANDS, Signatures, partners
from model_store.data.splits import ClassTooSmall, split
from model_store.errors import ImportRefused
from model_store.foreign.reading import Opened, Reading, check, read
from model_store.graphs.classifier import Classifier
from model_store.graphs.inputs import Input
from model_store.graphs.outputs import OutputSpec
from model_store.graphs.scoring import score
from model_store.promises.claims import Claims
from model_store.store import ModelStore
from model_store.training.assembly import assemble, told_by
from model_store.training.fit_result import FitResult
from model_store.training.scored import HELD_OUT, Graph, Part, Scored

Indices: TypeAlias = npt.NDArray[np.intp]

# From so many rows on a class can be certified at the default recall.
MANY: Final = 11


class NothingLeft(ImportRefused):
    """Every row of the validation file is among the rows that the model was trained on."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows

    def __str__(self) -> str:
        return (
            f"all {self.rows} rows are nearly rows the model was trained on: they prove nothing about it; "
            "label a sample of traffic it has not seen"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A published bundle, and what was recognised on the way.

    Parameters
    ----------
    recognised : mapping of str to str
        Inputs, output, classes and embedding, a line each.
    assumed : tuple of str
        What nothing but the file says.
    notes : tuple of str
        What the owner of the model should know.
    leaked : Leakage, optional
        Rows that were left out since the model was trained on them; None if nobody said on what.
    """

    result: FitResult
    recognised: Mapping[str, str]
    assumed: tuple[str, ...]
    notes: tuple[str, ...]
    leaked: Leakage | None

    def to_json(self) -> dict[str, Any]:
        """Return what `seamark bundle import --json` prints."""
        return self.result.to_json() | {
            "recognised": dict(self.recognised),
            "assumed": list(self.assumed),
            "notes": list(self.notes),
            "leaked": None if self.leaked is None else self.leaked.to_json(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Which rows are used for what; `members` holds row numbers of the file."""

    members: Mapping[str, Indices]
    groups: npt.NDArray[np.int32]
    signatures: Signatures
    trained: Signatures | None
    leaked: Leakage | None

    def seen(self, reading: Reading, trained_on: Rows | None) -> Seen:
        """Return what recognises the rows that anything was fitted on."""
        fitted = np.sort(np.concatenate([self.members["calibration"], self.members["threshold"]]))
        mine = self.signatures[fitted]
        known = mine if self.trained is None else np.unique(np.vstack([self.trained, mine]), axis=0)
        columns = getattr(reading.front_end, "columns", ())
        trained = [] if trained_on is None else _items_of(trained_on)
        return Seen.of(known, [*trained, *(reading.items[i] for i in fitted)], columns=columns)


def import_model(
    opened: Opened,
    rows: Rows,
    *,
    name: str,
    store: ModelStore,
    claims: Claims | None = None,
    costs: Path | None = None,
    trained_on: Rows | None = None,
    seed: int = 0,
    licence: str = "",
    by: str | None = None,
    why: str = "",
    progress: Progress | None = None,
) -> Imported:
    """Check a graph on labelled rows, calibrate, set thresholds, measure, and publish the next version.

    Parameters
    ----------
    rows : Rows
        A sample of traffic that the model was not trained on, with the columns of `opened.taken`.
    costs : Path, optional
        File of costs, see `model_store.costs`: decide by them.
    trained_on : Rows, optional
        What it was trained on, same columns: rows that are nearly among them are left out.
    by, why : str, optional
        Who makes the version, and the reason; kept in its manifest where they are said.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    ImportRefused, RowsError, TargetError, CostsError, TrainingError
        In one line, before anything is written.
    BundleError, StoreNotWritable
        From the store.
    """
    report = progress or (lambda _stage, _done, _total: None)
    store.check_writable(name)
    reading = read(opened, rows, report)
    asked = claims or Claims()
    if costs is not None:
        asked = replace(asked, costs=read_costs(costs, reading.naming.classes))
    asked.check(reading.naming.classes, task=reading.task)
    able = drawn(rows, sample=asked.sample)
    parts = _dealt(rows, reading, able, trained_on, seed=seed, report=report)
    onnx = opened.graph.served(reading.output.name, reading.shape())
    output, raw = _scores(onnx, reading, parts.members["calibration"], report)
    notes = check(opened, reading, raw)
    assumed = reading.assumed(opened)
    result = assemble(
        Graph(onnx, reading.front_end, output, reading.embedding),
        _scored(able, len(rows), reading, parts, raw),
        replace(asked, sample=able.certifies),
        name=name,
        store=store,
        classes=reading.naming.classes,
        task=reading.task,
        seen=parts.seen(reading, trained_on),
        training=_facts(opened, reading, parts, len(rows), seed) | told_by(by, why=why),
        notes=(
            *_left_out(parts.leaked),
            *_gaps(rows),
            *(f"Assumed: {each}." for each in assumed),
            *notes,
        ),
        sources=sources_of(rows),
        licence=licence,
        seed=seed,
        progress=report,
    )
    notes = (*_gaps(rows), *notes)
    return Imported(result, reading.recognised(opened), assumed, notes, parts.leaked)


def _gaps(rows: Rows) -> tuple[str, ...]:
    """Return which columns have gaps: the graph answers such rows, and only its maker knows how well."""
    if rows.features is None:
        return ()
    lacking = {
        name: sum(cell.strip().lower() in MISSING for cell in cells) for name, cells in rows.features.items()
    }
    return tuple(
        f"{count:,} of {len(rows):,} rows lack {name!r}; the graph answers them: was it trained with gaps?"
        for name, count in lacking.items()
        if count
    )


def _left_out(leaked: Leakage | None) -> tuple[str, ...]:
    """Return what a reader of the card must know about rows the model had seen."""
    if leaked is None:
        return (
            "Nobody said what the model was trained on: if it has seen these rows, every figure flatters.",
        )
    examples = ", ".join(each.row for each in leaked.examples)
    return (
        f"{leaked.count:,} of {leaked.checked:,} rows are nearly rows the model was trained on and were left "
        f"out{f' ({examples})' if examples else ''}.",
    )


def _dealt(
    rows: Rows, reading: Reading, able: Drawn, trained_on: Rows | None, *, seed: int, report: Progress
) -> _Parts:
    """Leave out what was chosen by score or trained on, and deal the rest."""
    exact = rows.features is not None
    signatures = signatures_of(rows.contents(), report, exact=exact)
    groups = groups_of(rows, signatures)
    used, trained, leaked = able.used, None, None
    if trained_on is not None:
        trained = signatures_of(trained_on.contents(), report, exact=exact)
        leaked = leakage(signatures, trained, names=names_of(rows))
        nearly = partners(signatures, trained, threshold=SIMILARITY, bands=THOROUGH_BANDS) >= 0
        used = used[~nearly[used]]
        if len(used) == 0:
            raise NothingLeft(len(rows))
    _check_repeats(reading, used, groups)
    # Near-duplicates are dealt singly: in a sample of traffic a text that repeats is worth its repeats.
    named = named_groups(rows)
    splits = split(
        reading.labelled.labels[used],
        named[used],
        seed=seed,
        parts=tuple(HELD_OUT),
        shares=tuple(HELD_OUT.values()),
        classes=reading.naming.classes,
        scarce="allow",
    )
    members = {part: used[at] for part, at in splits.items()}
    return _Parts(members, named, signatures, trained, leaked)


def _items_of(rows: Rows) -> Sequence[Input]:
    """Return the rows as they are: texts, or the cells of a table, whatever a graph would make of them."""
    if rows.features is None:
        return rows.texts
    cells = zip(*rows.features.values(), strict=True)
    return [dict(zip(rows.features, row, strict=True)) for row in cells]


def _check_repeats(reading: Reading, used: Indices, groups: npt.NDArray[np.int32]) -> None:
    """Refuse a class of many rows that are one or two texts over and over: they would look like evidence."""
    classes = reading.naming.classes
    carried = indicators(reading.labelled.labels, len(classes))[used]
    for k, name in enumerate(classes):
        mine = used[carried[:, k]]
        distinct = len(np.unique(groups[mine]))
        if len(mine) >= MANY and distinct < len(HELD_OUT):
            raise ClassTooSmall(name, (mine + 1).tolist(), distinct, len(HELD_OUT))


def _scores(
    onnx: bytes, reading: Reading, calibration: Indices, report: Progress
) -> tuple[OutputSpec, LogProbabilities]:
    """Return what is served says about every row, from the clip on that the calibration rows suggest."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL_FILE
        path.write_bytes(onnx)
        classifier = Classifier.open(
            path,
            reading.front_end,
            n_classes=len(reading.naming.classes),
            output=reading.output,
            task=reading.task,
        ).with_measured_clip([reading.items[i] for i in calibration])
        return classifier.output, score(classifier, reading.items, report)


def _scored(able: Drawn, n_rows: int, reading: Reading, parts: _Parts, raw: LogProbabilities) -> Scored:
    weights = able.weights_of(n_rows)
    return Scored(
        *(
            Part(
                raw[at],
                reading.labelled.labels[at],
                None if weights is None else weights[at],
                parts.groups[at],
                [reading.items[i] for i in at],
            )
            for at in parts.members.values()
        )
    )


def _facts(opened: Opened, reading: Reading, parts: _Parts, n_rows: int, seed: int) -> dict[str, Any]:
    """Return what the manifest says about where the graph comes from, and what it rests on."""
    used = np.concatenate(list(parts.members.values()))
    source = opened.graph.provenance()
    columns = opened.taken.columns
    return {
        "rows": n_rows,
        "groups": len(np.unique(parts.groups[used])),
        "seed": seed,
        "split_rows": {part: len(members) for part, members in parts.members.items()},
        "estimator": f"{opened.graph.maker(reading.output.name)} of {source['producer'] or 'unknown origin'}",
        "features": str(opened.taken),
        "columns": len(columns) or 1,
        "imported": source
        | {"recognised": reading.recognised(opened), "assumed": list(reading.assumed(opened))},
        "leakage": None if parts.leaked is None else parts.leaked.to_json(),
    }
