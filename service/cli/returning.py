"""How does a file of labels reach the service, however large its texts make it?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from service.cli.client import Client, ClientError

if TYPE_CHECKING:
    from monitoring.waves.labels import LabelRow, ParsedLabels

# Under the smallest limit of a body that is worth setting (`SEAMARK_MAX_BODY_BYTES`, 4 MiB by default).
MOST_BYTES: Final = 2 * 2**20
ROWS_AT_ONCE: Final = 1_000


def send_labels(
    client: Client, batch: str, content: bytes, *, annotator: str | None = None
) -> dict[str, Any]:
    """Send a file of labels and return the receipt.

    A large one is read here, and only its labels travel: the texts of items are most of a tool's export.
    """
    path = f"/v1/batches/{batch}/labels"
    if len(content) <= MOST_BYTES:
        query = f"?{urlencode({'annotator': annotator})}" if annotator else ""
        receipt: dict[str, Any] = client.post(path + query, content=content).json()
        return receipt
    return _in_parts(client, path, _read(batch, content, annotator))


def _read(batch: str, content: bytes, annotator: str | None) -> "ParsedLabels":
    from monitoring.errors import LabelsInvalid  # noqa: PLC0415 - the small files of every day need none of it
    from monitoring.waves.returns import parse_labels  # noqa: PLC0415

    try:
        return parse_labels(content, batch=batch, annotator=annotator)
    except LabelsInvalid as error:
        raise ClientError(str(error)) from None


def _in_parts(client: Client, path: str, parsed: "ParsedLabels") -> dict[str, Any]:
    whole: dict[str, Any] = {
        "accepted": 0,
        "repeated": 0,
        "rejected": [{"row": row, "reason": reason} for row, reason in parsed.rejected],
        "notes": [],
    }
    for at, rows in _parts(parsed.rows):
        receipt = client.post(path, json={"labels": rows}).json()
        for count in ("accepted", "repeated"):
            whole[count] += receipt[count]
        for kind in ("rejected", "notes"):
            whole[kind] += [each | {"row": parsed.positions[at + each["row"]]} for each in receipt[kind]]
    whole["rejected"].sort(key=lambda each: each["row"])
    return whole


def _parts(rows: "tuple[LabelRow, ...]") -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for at in range(0, len(rows), ROWS_AT_ONCE):
        yield at, [_fields(row) for row in rows[at : at + ROWS_AT_ONCE]]


def _fields(row: "LabelRow") -> dict[str, Any]:
    """Return the row as it is told over HTTP; its annotation id makes a repeat the same in either way."""
    said: dict[str, Any] = {"key": row.key, "annotation_id": row.annotation_id}
    said |= {"skipped": True} if row.skipped else {"label": row.label}
    said |= {name: value for name in ("annotator", "lease") if (value := getattr(row, name)) is not None}
    return said | ({"adjudicated": True} if row.adjudicated else {})
