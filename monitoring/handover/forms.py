"""In which forms does a batch travel: who reads each, what its files are called, who writes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from monitoring.handover import argilla, doccano, jsonl, label_studio, parquet, prodigy, table
from monitoring.waves.batches import Batch

Writer = Callable[[Batch], bytes]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a form: the end of its name, its media type, and who writes it."""

    ending: str
    media_type: str
    write: Writer


@dataclass(frozen=True, slots=True)
class Form:
    """What a tool is given: the items, and where it needs one a file with its settings.

    `needs` is a package that is not always there.
    """

    items: File
    settings: File | None = None
    needs: str | None = None

    @property
    def available(self) -> bool:
        """Tell whether this installation can write the form."""
        return self.needs is None or find_spec(self.needs) is not None


_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"

FORMS: Final[Mapping[str, Form]] = {
    "jsonl": Form(File("jsonl", _LINES, jsonl.write)),
    "csv": Form(File("csv", "text/csv; charset=utf-8", table.write)),
    "parquet": Form(File("parquet", "application/vnd.apache.parquet", parquet.write), needs="pyarrow"),
    "label_studio": Form(
        File("json", _JSON, label_studio.write_tasks),
        File("labeling-config.xml", "application/xml", label_studio.write_config),
    ),
    "argilla": Form(
        File("argilla.json", _JSON, argilla.write_records),
        File("argilla-settings.json", _JSON, argilla.write_settings),
    ),
    "prodigy": Form(
        File("prodigy.jsonl", _LINES, prodigy.write_tasks),
        File("prodigy-settings.json", _JSON, prodigy.write_settings),
    ),
    "doccano": Form(
        File("doccano.jsonl", _LINES, doccano.write_examples),
        File("doccano-labels.json", _JSON, doccano.write_labels),
    ),
}
