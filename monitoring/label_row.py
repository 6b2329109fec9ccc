"""What is one label that came back: its fields, and what is wrong with a row that is none?"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Fields: TypeAlias = Mapping[str, object]

_FIELD_CHARACTERS: Final = 512


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One annotation of one item; `annotation_id` makes a repeat recognisable.

    `label` is a class name, `none_of_these`, or None when the labeler `skipped` the item.
    """

    key: str
    label: str | None
    annotation_id: str
    annotator: str | None = None
    skipped: bool = False


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
    skipped = fields.get("skipped", False)
    if not isinstance(skipped, bool):
        raise RowError(f"skipped: expected true or false, got {_json_type(skipped)}")
    label = _text(fields, "label")
    if skipped and label is not None:
        raise RowError("a skipped item has no label; send one of the two")
    if not skipped and label is None:
        raise RowError('missing label: give `label`, or `"skipped": true`')
    annotator = _identifier(fields, "annotator")
    annotation_id = _identifier(fields, "annotation_id") or _content_id(key, label, annotator)
    version = _text(fields, "updated_at")
    return LabelRow(
        key=key,
        label=label,
        annotation_id=annotation_id if version is None else f"{annotation_id}@{version}",
        annotator=annotator,
        skipped=skipped,
    )


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


def _content_id(key: str, label: str | None, annotator: str | None) -> str:
    """Return an id for an annotation that came without one: the same words again are the same annotation."""
    content = json.dumps([key, label, annotator])
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
