"""Run in the labeling environment: Argilla's SDK reads settings and records, and writes what was answered.

Argument: a directory with `NAME.records.json`, `NAME.settings.json` and `NAME.answers.json` (item -> label,
list of labels, or null to discard). Writes `NAME.flat.json` and `NAME.nested.json`, as
`records.to_list(flatten=True)` and `records.to_json` of a dataset give them; prints what it read. No server
is asked: the SDK's client is put out of the way.
"""

import json
import sys
from pathlib import Path
from unittest.mock import MagicMock
from uuid import UUID

import argilla as rg
from argilla.records._io import GenericIO, JsonIO

rg.Argilla._get_default = classmethod(lambda _: MagicMock())
ANN, BOB = UUID(int=1), UUID(int=2)


def answered(record: rg.Record, answer: object) -> rg.Record:
    """Return the record with Ann's answer, and a draft of Bob's."""
    said = rg.Response("label", answer, user_id=ANN, status="discarded" if answer is None else "submitted")
    draft = [] if answer is None else [rg.Response("label", answer, user_id=BOB, status="draft")]
    told = rg.Record(
        id=record.id,
        fields=dict(record.fields),
        metadata=dict(record.metadata),
        suggestions=list(record.suggestions),
        responses=[said, *draft],
    )
    told._model.status = "pending" if answer is None else "completed"
    return told


def check(base: Path, name: str) -> dict[str, object]:
    """Read the files, and write the exports."""
    settings = rg.Settings.from_json(base / f"{name}.settings.json")
    settings.validate()
    records = JsonIO._records_from_json(base / f"{name}.records.json")
    for record in records:
        record.api_model()  # what is sent to a server; raises where it could not be
    answers = json.loads((base / f"{name}.answers.json").read_text())
    told = [answered(each, answers[each.id]) if each.id in answers else each for each in records]
    (base / f"{name}.flat.json").write_text(json.dumps(GenericIO.to_list(told, flatten=True)))
    JsonIO.to_json(told, base / f"{name}.nested.json")
    question = settings.questions["label"]
    return {
        "question": type(question).__name__,
        "labels": question.labels,
        "min_submitted": settings.distribution.min_submitted,
        "visible": [each.name for each in settings.metadata if each.visible_for_annotators],
        "metadata": [each.name for each in settings.metadata],
        "ids": [each.id for each in records],
        "given_metadata": sorted({key for each in records for key in each.metadata}),
        "suggested": {each.id: each.suggestions.to_dict() for each in records},
    }


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    names = sorted(path.name.partition(".")[0] for path in directory.glob("*.records.json"))
    json.dump({name: check(directory, name) for name in names}, sys.stdout)
