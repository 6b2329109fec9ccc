"""What did earlier waves hand out, and how often did each of their slices find a rare class?"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from model_store.data.csvfile import ColumnMissing, read_cells, read_header, refuse
from monitoring.errors import PlanRefused
from monitoring.plan.pool import ONE_SOURCE, Taken
from monitoring.plan.shares import SLICES, Slice
from monitoring.recording.candidate import item_key
from monitoring.waves.cells import unguard

KIND: Final = "seamark plan"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows that were handed out; those without a label have an empty set."""

    keys: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    labels: tuple[frozenset[str], ...] = ()

    def taken(self, handed_out: Iterable[str] = ()) -> Taken:
        """Return what must not be handed out again; `handed_out` are keys of earlier waves."""
        return Taken(frozenset((*self.keys, *handed_out)), self.texts)

    @property
    def count(self) -> int:
        """How many rows have a label."""
        return sum(map(bool, self.labels))

    def positives(self, name: str) -> int:
        """Return how many rows are of a class."""
        return sum(name in each for each in self.labels)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The manifest of an earlier wave; `chosen_by` is the digest of what ranked its rare slice."""

    wave: int
    chosen_by: str
    items: Mapping[str, tuple[Slice, str | None]]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many labelled items of a slice were of the class."""

    positives: int = 0
    labels: int = 0


def read_labelled(path: Path, *, text: str, label: str, source: str | None, id_: str | None) -> Labelled:
    """Read labelled rows: a batch file that came back, or any CSV with the columns of the pool.

    A batch file is known by its column `key`, and its cells may carry the guard against formulas. An empty
    label is an item that nobody has labelled yet; `a|b` are two labels.

    Raises
    ------
    RowsError
        In one line: a column that is not there, a row that cannot be read, a key that is there twice.
    """
    header = read_header(path)
    ours = "key" in header
    wanted = {"text": "text" if ours and "text" in header else text, "label": label}
    optional = {"key": "key"} if ours else {"id": id_, "source": source}
    wanted |= {role: name for role, name in optional.items() if name is not None and name in header}
    for name in wanted.values():
        if name not in header:
            raise ColumnMissing(path, name, header)
    cells = read_cells(path, tuple(dict.fromkeys(wanted.values())))
    columns = {role: tuple(cells[name]) for role, name in wanted.items()}
    if ours:
        columns = {role: tuple(map(unguard, values)) for role, values in columns.items()}
    texts = columns["text"]
    keys = columns.get("key") or columns.get("id")
    if keys:
        refuse(path, "repeat the key of an earlier row", _repeated(keys), remedy="keep one row per item")
    else:
        keys = tuple(map(item_key, columns.get("source") or (ONE_SOURCE,) * len(texts), texts))
    labels = (frozenset(filter(None, map(str.strip, cell.split("|")))) for cell in columns["label"])
    return Labelled(keys, texts, tuple(labels))


def read_manifest(path: Path) -> Earlier:
    """Read the manifest that `seamark plan` wrote beside a batch.

    Raises
    ------
    PlanRefused
        If it is none.
    """
    expected = "expected the manifest.json that `seamark plan` wrote beside a batch"
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if found["kind"] != KIND:
            raise PlanRefused(f"{path}: is another kind of file; {expected}")
        items = {str(key): (each["slice"], each["class"]) for key, each in found["items"].items()}
        if any(slice_ not in SLICES for slice_, _ in items.values()):
            raise PlanRefused(f"{path}: has an unknown slice; allowed are {', '.join(SLICES)}")
        return Earlier(int(found["wave"]), str(found["chosen_by"]), items)
    except OSError as error:
        raise PlanRefused(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanRefused(f"{path}: cannot be understood; {expected}") from error


def tallies(labelled: Labelled, waves: Sequence[Earlier], classes: Sequence[str]) -> dict[Slice, Tally]:
    """Return per slice the labelled items of these waves and how many are of any of the classes.

    Of the rare slice only what was chosen for one of these classes counts.
    """
    slices = {key: found for wave in waves for key, found in wave.items.items()}
    result: dict[Slice, Tally] = dict.fromkeys(SLICES, Tally())
    for key, labels in zip(labelled.keys, labelled.labels, strict=True):
        if not labels or key not in slices:
            continue
        slice_, chosen_for = slices[key]
        if slice_ == "rare" and chosen_for not in classes:
            continue
        was = result[slice_]
        result[slice_] = Tally(was.positives + (not labels.isdisjoint(classes)), was.labels + 1)
    return result


def _repeated(keys: Sequence[str]) -> list[int]:
    first: dict[str, int] = {}
    return [row for row, key in enumerate(keys, 1) if first.setdefault(key, row) != row]
