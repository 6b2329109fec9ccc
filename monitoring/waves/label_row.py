"""What is one label that came back: its fields, and what is wrong with a row that is none?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from model_store.data.cells import SEPARATOR
from monitoring.waves.batches import Label

Fields: TypeAlias = Mapping[str, object]

_FIELD_CHARACTERS: Final = 512
_MOST_NAMES: Final = 1_024


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One annotation of one item; `annotation_id` makes a repeat recognisable, see `kept_as`.

    `label` is a class name, `none_of_these`, the names of several labels, or None when the labeler `skipped`
    the item. What it means depends on the batch: see `monitoring.waves.labels.of_batch`. `lease` is the one
    the item was given out under, where it was. An `adjudicated` row decides what labelers disagree about.
    The id of a dated row also says when it was given; of a stored one nobody asks.
    """

    key: str
    label: Label | None
    annotation_id: str
    annotator: str | None = None
    skipped: bool = False
    lease: str | None = None
    adjudicated: bool = False
    is_dated: bool = field(default=False, compare=False)


class RowError(Exception):
    """A row lacks what a label needs; str() is the reason."""


def read_row(fields: object) -> LabelRow:
    """Return the row that these fields spell; raise RowError with the reason."""
    if isinstance(fields, RowError):
        raise fields
    if not isinstance(fields, Mapping):
        raise RowError(f"expected an object, got {_json_type(fields)}")
    key = _text(fields, "key") or _text(fields, "item_id") or _text(fields, "id")
    if key is None:
        raise RowError("missing key: give `key`, or the `id` the item was sent with")
    skipped, adjudicated = _truth(fields, "skipped"), _truth(fields, "adjudicated")
    label = _label(fields)
    if skipped and label is not None:
        raise RowError("a skipped item has no label; send one of the two")
    if not skipped and label is None:
        raise RowError('missing label: give `label`, or `"skipped": true`')
    annotator, lease = _identifier(fields, "annotator"), _text(fields, "lease")
    if adjudicated and annotator is None:
        raise RowError("an adjudicated row names who decided; give `annotator`")
    spoken = [*([lease] if lease else []), *(["adjudicated"] if adjudicated else [])]
    annotation_id = _identifier(fields, "annotation_id") or _content_id(key, label, annotator, *spoken)
    version = _text(fields, "updated_at")
    return LabelRow(
        key=key,
        label=label,
        annotation_id=annotation_id if version is None else f"{annotation_id}@{version}",
        annotator=annotator,
        skipped=skipped,
        lease=lease,
        adjudicated=adjudicated,
        is_dated=version is not None,
    )


def kept_as(row: LabelRow, known: Mapping[tuple[str, str], LabelRow]) -> tuple[LabelRow, bool]:
    """Return the row under the id it is kept by, and whether it is among the known ones by that.

    People and tools number their annotations each for themselves, and may change one under its old number.
    So where an id is taken by what another person said, or by another answer, the row is kept by an id made
    of the two: nothing is lost, and the same row finds itself again. One answer under one id is a repeat
    where only one of the two says who gave it, or where it is dated: a tool may write a person's number
    once and their address another time.

    Parameters
    ----------
    known : mapping
        Annotations by item key and the id each is kept by.
    """
    while (kept := known.get((row.key, row.annotation_id))) is not None:
        if _is_again(row, kept):
            return row, True
        spoken = (row.annotation_id, *(["adjudicated"] if row.adjudicated else []))
        row = replace(row, annotation_id=_content_id(row.key, row.label, row.annotator, *spoken))
    return row, False


def _is_again(row: LabelRow, kept: LabelRow) -> bool:
    """Return whether a row is the kept one of its id, sent another time."""
    same_answer = (row.label, row.skipped, row.adjudicated) == (kept.label, kept.skipped, kept.adjudicated)
    may_be_one = row.annotator == kept.annotator or None in (row.annotator, kept.annotator)
    return same_answer and (may_be_one or row.is_dated)


def names_in(text: str) -> tuple[str, ...]:
    """Return the names in a cell: those of a JSON list, else what stands between `|`.

    Examples
    --------
    >>> names_in("late | damaged"), names_in('["late"]'), names_in("[]")
    (('late', 'damaged'), ('late',), ())
    """
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list) and all(isinstance(name, str) for name in listed):
            return tuple(listed)
    return tuple(name.strip() for name in text.split(SEPARATOR))


def cell_of(names: tuple[str, ...]) -> str:
    """Return the cell that `names_in` reads as these names, the shorter way to write it if both can.

    Examples
    --------
    >>> cell_of(("late", "damaged")), cell_of(("late|lost",)), cell_of(())
    ('late|damaged', '["late|lost"]', '[]')
    """
    cell = SEPARATOR.join(names)
    return cell if names_in(cell) == names else json.dumps(names, ensure_ascii=False)


def _label(fields: Fields) -> Label | None:
    """Return what `label` or, without it, `labels` says; None when neither says anything."""
    name = "labels" if fields.get("label") in (None, "") else "label"
    value = fields.get(name)
    if isinstance(value, Mapping):  # Label Studio's shorter export, where several are chosen
        value = value.get("choices")
    if not isinstance(value, list):
        return _text({name: value}, name)
    if len(value) > _MOST_NAMES:
        raise RowError(f"{name}: {len(value)} names; at most {_MOST_NAMES} are allowed")
    names = [_text({name: each}, name) for each in value]
    if None in names:
        raise RowError(f"{name}: expected names, got an empty one")
    return tuple(name for name in names if name is not None)


def _truth(fields: Fields, name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise RowError(f"{name}: expected true or false, got {_json_type(value)}")
    return value


def _text(fields: Fields, name: str) -> str | None:
    """Return a text field, None when it is absent, null or empty."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RowError(f"{name}: expected text, got {_json_type(value)}")
    if len(value) > _FIELD_CHARACTERS:
        raise RowError(f"{name}: {len(value)} characters; at most {_FIELD_CHARACTERS} are allowed")
    if not value.isprintable() and any(
        character == "\0" or "\ud800" <= character <= "\udfff" for character in value
    ):
        raise RowError(f"{name}: holds a NUL or half of a surrogate pair, which no store can keep")
    return value


def _identifier(fields: Fields, name: str) -> str | None:
    """Return a text or whole-number field as text: labeling tools number their annotations and people."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(fields, name)


def _content_id(key: str, label: Label | None, annotator: str | None, *spoken: str) -> str:
    """Return an id for an annotation that came without one: the same words again are the same annotation.

    Two holders of an item may leave themselves unnamed and say the same: `spoken` tells their rows apart.
    """
    said = sorted(set(label)) if isinstance(label, tuple) else label
    content = json.dumps([key, said, annotator, *spoken])
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def _json_type(value: object) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")
