"""Which labels came back so far, from a sheet or from a labeling tool?"""

import re
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model_store.data.csvfile import ColumnMissing, read_cells, read_header, refuse, unzipped
from monitoring.errors import LabelsInvalid, PlanRefused
from monitoring.plan.pool import ONE_SOURCE, Taken
from monitoring.recording.candidate import item_key
from monitoring.waves.batches import Label
from monitoring.waves.cells import unguard
from monitoring.waves.label_row import LabelRow, names_in
from monitoring.waves.labels import NONE_OF_THESE, settle
from monitoring.waves.returns import parse_labels, told_by

_PLANNED: Final = re.compile(r"plan-\d+-")


def planned_id(number: int, digest: str) -> str:
    """Return what the batch of a plan's wave is called."""
    return f"plan-{number}-{digest}"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows that were handed out, each key once.

    Those that nobody has labelled have an empty set, those that none of the classes fits `none_of_these`. A
    text that is not known is empty. `by_plan` are the keys of which their file shows that a plan handed them
    out.
    """

    keys: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    labels: tuple[frozenset[str], ...] = ()
    by_plan: frozenset[str] = frozenset()

    def taken(self, handed_out: Iterable[str] = ()) -> Taken:
        """Return what must not be handed out again; `handed_out` are keys of earlier waves."""
        return Taken(frozenset((*self.keys, *handed_out)), self.known_texts)

    @property
    def known_texts(self) -> tuple[str, ...]:
        """The texts, without those that are unknown."""
        return tuple(filter(None, self.texts))

    @property
    def count(self) -> int:
        """How many rows have a label."""
        return sum(map(bool, self.labels))

    def positives(self, name: str) -> int:
        """Return how many rows are of a class."""
        return sum(name in each for each in self.labels)


def read_labelled(
    path: Path,
    *,
    text: str | None,
    label: str,
    source: str | None,
    id_: str | None,
    pool: Mapping[str, str] | None = None,
) -> Labelled:
    """Read labelled rows: a batch that came back in any form, or any CSV with the columns of the pool.

    What a tool exported is known by its content; of several annotators the majority decides. A plan's CSV is
    known by its column `key`, and its cells may carry the guard against formulas. An empty label is an item
    that nobody has labelled yet; `a|b` are two labels.

    Parameters
    ----------
    text : str, optional
        Column with the text; without it rows are those of a table, which their keys or ids name.
    pool : mapping of str to str, optional
        Texts by key, where the file does not give them back.

    Raises
    ------
    RowsError, PlanRefused
        In one line: a column that is not there, a row that cannot be read, a key that is there twice.
    """
    if told_by(_head(path)):
        return _of_tool(path, pool or {}, columns=_columns_of_parquet(path), id_=id_)
    header = read_header(path)
    if _is_tools(header):
        return _of_tool(path, pool or {}, columns=_names_of(header), id_=id_)
    ours = "key" in header
    wanted = {"label": label}
    if text is not None:
        wanted["text"] = "text" if ours and "text" in header else text
    optional = {"key": "key"} if ours else {"id": id_, "source": source}
    optional["batch"] = "batch"
    wanted |= {role: name for role, name in optional.items() if name is not None and name in header}
    if text is None and not wanted.keys() & {"key", "id"}:
        raise PlanRefused(
            f"{path}: no column `key`, nor one that --id names; rows of a table are known by it"
        )
    for name in wanted.values():
        if name not in header:
            raise ColumnMissing(path, name, header)
    cells = read_cells(path, tuple(dict.fromkeys(wanted.values())))
    columns = {role: tuple(cells[name]) for role, name in wanted.items()}
    if ours:
        columns = {role: tuple(map(unguard, values)) for role, values in columns.items()}
    keys = columns.get("key") or columns.get("id") or ()
    texts = columns.get("text") or tuple((pool or {}).get(key, "") for key in keys)
    if keys:
        refuse(path, "repeat the key of an earlier row", _repeated(keys), remedy="keep one row per item")
    else:
        keys = tuple(map(item_key, columns.get("source") or (ONE_SOURCE,) * len(texts), texts))
    by_plan = _by_plan(keys, columns.get("batch"), columns=header, id_=id_, pool=pool or {})
    return Labelled(keys, texts, tuple(map(_names, map(str.strip, columns["label"]))), by_plan)


def merged(parts: Iterable[Labelled]) -> Labelled:
    """Return the rows of several files; of a key that several have, the last label counts."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for part in parts:
        for key, text, labels in zip(part.keys, part.texts, part.labels, strict=True):
            before = found.get(key, ("", frozenset[str]()))
            found[key] = text or before[0], labels or before[1]
    texts, labels_of = (tuple(each) for each in zip(*found.values(), strict=True)) if found else ((), ())
    return Labelled(tuple(found), texts, labels_of)


def _is_tools(header: Sequence[str]) -> bool:
    """Tell a table that a tool or a spreadsheet saved: keys in `item_id`, or columns without commas."""
    return "key" not in header and not _names_of(header).isdisjoint({"key", "item_id"})


def _names_of(header: Sequence[str]) -> frozenset[str]:
    return frozenset(name.strip('"') for cell in header for name in re.split("[;\t]", cell))


def _columns_of_parquet(path: Path) -> Collection[str]:
    """Return the columns of a Parquet file, nothing for another file or where nobody can read it."""
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415 - optional, and slow to load

        return list(pq.read_schema(path).names)
    except (ImportError, OSError, ValueError):
        return ()  # what it is, or why it cannot be read, is told by who reads its rows


def _by_plan(
    keys: Sequence[str],
    batches: Sequence[str | None] | None,
    *,
    columns: Collection[str],
    id_: str | None,
    pool: Mapping[str, str],
) -> frozenset[str]:
    """Return the keys that a plan handed out, by the batches they name, else by the columns of a sheet.

    A sheet that lost columns is known by its keys, which are the pool's, but for one whose ids are in a
    column `key`. What a labeler leased is of a service.
    """
    if "lease" in columns:
        return frozenset()
    if batches and any(batches):
        return frozenset(key for key, batch in zip(keys, batches, strict=True) if _PLANNED.match(batch or ""))
    whole = {"key", "id", "source"} <= set(columns)
    if whole or ("key" in columns and id_ != "key" and any(key in pool for key in keys)):
        return frozenset(keys)
    return frozenset()


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return unzipped(file).read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    except (OSError, EOFError, zlib.error):
        return b""  # the reader of sheets says what is wrong


def _of_tool(path: Path, pool: Mapping[str, str], *, columns: Collection[str], id_: str | None) -> Labelled:
    try:
        parsed = parse_labels(path.read_bytes())
    except LabelsInvalid as error:
        raise PlanRefused(f"{path}: {error.reason}") from error
    if parsed.rejected:
        row, reason = parsed.rejected[0]
        others = len(parsed.rejected) - 1
        more = f" (and {others} more of {len(parsed.rows) + others + 1} rows)" if others else ""
        raise PlanRefused(f"{path}: row {row + 1}: {reason}{more}")
    said: dict[str, list[LabelRow]] = {}
    for each in parsed.rows:
        said.setdefault(each.key, []).append(each)
    labels = (_settled(rows) for rows in said.values())
    keys = [each.key for each in parsed.rows]
    by_plan = _by_plan(keys, parsed.batches, columns=columns, id_=id_, pool=pool)
    return Labelled(tuple(said), tuple(pool.get(key, "") for key in said), tuple(labels), by_plan)


def _settled(rows: Sequence[LabelRow]) -> frozenset[str]:
    found = settle(rows)
    return frozenset() if found is None else _names(found.label)


def _names(label: Label | None) -> frozenset[str]:
    """Return what a label names; nothing of an item without one, as an empty cell or a skip."""
    if label is None or label == "":
        return frozenset()
    names = names_in(label) if isinstance(label, str) else label
    return frozenset(filter(None, names)) or frozenset({NONE_OF_THESE})


def _repeated(keys: Sequence[str]) -> list[int]:
    first: dict[str, int] = {}
    return [row for row, key in enumerate(keys, 1) if first.setdefault(key, row) != row]
