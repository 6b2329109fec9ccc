"""How do Label Studio, Argilla, Prodigy and doccano tell what a labeler answered?

Each export is read as its maker's code writes it: Label Studio 1.x (JSON, JSON-MIN), Argilla 2
(`Record.to_dict`, `records.to_list(flatten=True)`), Prodigy (`prodigy db-out`), doccano (JSONL of today, with
`text` and `label`, and those before it with `data` or `labels`, metadata beside them or under `meta`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from monitoring.waves.label_row import Fields, RowError
from monitoring.waves.returns_wrong import WrongFile, wrong_file

Answers: TypeAlias = list[object]

# A row of a file has one of these; `{"labels": [...]}` around the rows has none.
_KEYS: Final = frozenset({"key", "id", "item_id"})
IDENTIFIERS: Final = _KEYS | {"doc_id", "text", "data"}
_SAID: Final = frozenset({"label", "labels", "skipped"})
# What only a line that was pulled or leased has; whoever writes rows of their own says something in each.
_HANDED_OUT: Final = frozenset({"export_version", "lease"})
_QUESTION: Final = "label"
_FLAT: Final = f"{_QUESTION}.responses"
# Prodigy names an annotator who gave no name by when the server was started.
_UNNAMED: Final = re.compile(r"(.*-)?\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")


def answers(posted: object, *, batch: str | None = None) -> Answers:
    """Return what an object of a posted file says, as the fields of rows: as many as it has annotations.

    What is of no tool is a row already; None says nothing. A reason why there is none stands in its place.
    """
    if posted is None:
        return []
    if not isinstance(posted, Mapping):
        return [posted]
    wrong = wrong_file(posted, batch)
    if wrong is not None:
        return [wrong]
    for is_theirs, read in _TOOLS:
        if is_theirs(posted):
            return read(posted)
    if _SAID.isdisjoint(posted) and _KEYS.isdisjoint(posted):
        return [WrongFile("neither `key` nor `label`; send rows of both, or what the labeling tool exports")]
    return [] if _is_open(posted) else [posted]


def _is_open(posted: Fields) -> bool:
    """Tell whether a line is as it was handed out, nothing said in it: its item is not labelled yet."""
    empty = all(posted.get(name) in (None, "") for name in ("label", "labels"))
    return empty and posted.get("skipped") in (None, "", False) and not _HANDED_OUT.isdisjoint(posted)


def _is_label_studio(posted: Fields) -> bool:
    return (
        "completions" in posted
        or ("annotations" in posted and not isinstance(posted.get("text"), str))
        or (isinstance(posted.get("data"), Mapping) and "label" not in posted)
    )


def _label_studio(task: Fields) -> Answers:
    """Read a task with its annotations, those given last at the end, cancelled ones left out."""
    data, annotations = task.get("data"), task.get("annotations")
    if "completions" in task:
        return [WrongFile("an export of Label Studio before 1.0 (`completions`); export with 1.0 or later")]
    if annotations is None and isinstance(data, Mapping):
        return [WrongFile("a task for Label Studio, without `annotations`; send what Label Studio exports")]
    if not isinstance(data, Mapping) or not isinstance(annotations, list):
        return [RowError("expected a task with `data` and a list of `annotations`")]
    given = [each for each in annotations if not (isinstance(each, Mapping) and each.get("was_cancelled"))]
    return [_annotation(data, each) for each in sorted(given, key=_changed)]


def _changed(annotation: object) -> str:
    at = annotation.get("updated_at") if isinstance(annotation, Mapping) else None
    return at if isinstance(at, str) else ""


def _annotation(data: Fields, annotation: object) -> object:
    if not isinstance(annotation, Mapping):
        return RowError("expected an annotation object")
    annotator = annotation.get("completed_by")
    if isinstance(annotator, Mapping):
        annotator = annotator.get("email") or annotator.get("id")
    match annotation.get("result"):
        case [{"value": {"choices": list(chosen)}}]:
            pass
        case []:
            chosen = []
        case _:
            return RowError("expected the choices of one question in the annotation's `result`")
    return {
        "key": data.get("item_id"),
        "label": _one_or_all(chosen),
        "annotation_id": annotation.get("id"),
        "annotator": annotator,
        "updated_at": annotation.get("updated_at"),
    }


def _is_argilla(posted: Fields) -> bool:
    return (
        _FLAT in posted
        or (isinstance(posted.get("fields"), Mapping) and ("responses" in posted or "suggestions" in posted))
        or ("inputs" in posted and "annotation" in posted)
    )


def _argilla(record: Fields) -> Answers:
    """Read a record: responses that were submitted are labels, discarded ones skips, drafts nothing.

    The nested form does not say which is which: it is read where the record's status is `completed`.
    """
    if "inputs" in record or "external_id" in record or isinstance(record.get("responses"), list):
        return [WrongFile("a record of Argilla 1; export it with Argilla 2")]
    if _FLAT in record:
        values, users, states = (
            _listed(record.get(name)) for name in (_FLAT, f"{_FLAT}.users", f"{_FLAT}.status")
        )
        if not len(values) == len(users) == len(states):
            return [RowError(f"expected as many `{_FLAT}.users` and `{_FLAT}.status` as `{_FLAT}`")]
        said = zip(values, users, states, strict=True)
        return [row for each in said for row in _response(record.get("id"), *each)]
    responses = record.get("responses")
    if not isinstance(responses, Mapping):
        return [RowError("expected the responses of a record by question")]
    if record.get("status") not in ("completed", None):
        return []
    given = [each for each in _listed(responses.get(_QUESTION)) if isinstance(each, Mapping)]
    return [
        row
        for each in given
        for row in _response(
            record.get("id"), each.get("value"), each.get("user_id"), each.get("status", "submitted")
        )
    ]


def _response(key: object, value: object, user: object, state: object) -> Answers:
    if state == "discarded":
        return [{"key": key, "annotator": user, "skipped": True}]
    if state != "submitted" or value is None:
        return []
    return [{"key": key, "annotator": user, "label": _one_or_all(value)}]


def _is_prodigy(posted: Fields) -> bool:
    return "answer" in posted or (isinstance(posted.get("options"), list) and "text" in posted)


def _prodigy(task: Fields) -> Answers:
    """Read an answered task of the `choice` interface; what was ignored or rejected is skipped."""
    answer, annotator = task.get("answer"), task.get("_annotator_id")
    if answer is None:
        return [WrongFile("a task for Prodigy, without `answer`; send what `prodigy db-out` writes")]
    if isinstance(annotator, str) and _UNNAMED.fullmatch(annotator):
        annotator = None
    identity: dict[str, object] = {"key": task.get("key"), "annotator": annotator}
    if isinstance(task.get("_task_hash"), int):
        identity["annotation_id"] = f"{task['_task_hash']}/{annotator or ''}"
    if isinstance(task.get("_timestamp"), int):
        identity["updated_at"] = str(task["_timestamp"])
    if "accept" not in task and answer == "reject":
        return [RowError("a rejected `label` says only which class it is not; use the `choice` interface")]
    if answer in ("ignore", "reject"):
        return [{**identity, "skipped": True}]
    if answer != "accept":
        return [RowError("answer: expected accept, reject or ignore")]
    return [{**identity, "label": _one_or_all(task.get("accept", task.get("label")))}]


def _is_doccano(posted: Fields) -> bool:
    return (
        posted.get("form") == "doccano"
        or not {"Comments", "annotation_approver", "doc_id"}.isdisjoint(posted)
        or isinstance(posted.get("meta"), Mapping)
        or (isinstance(posted.get("text"), str) and "annotations" in posted)
    )


def _doccano(example: Fields) -> Answers:
    """Read an example of a text classification project; one without labels is not labelled yet."""
    if "annotations" in example:
        return [
            WrongFile("labels as numbers, as doccano before 1.3 exports; choose `JSONL (text label)` there")
        ]
    meta = example.get("meta")
    key = example.get("key") or (meta.get("key") if isinstance(meta, Mapping) else None)
    labels = example.get("label", example.get("labels", example.get("categories")))
    if labels in ([], "", None):
        return []
    if isinstance(labels, list) and any(isinstance(each, list) for each in labels):
        return [WrongFile("labels of spans; the batch is for a text classification project")]
    return [{"key": key, "label": _one_or_all(labels), "annotator": example.get("username")}]


def _one_or_all(chosen: object) -> object:
    """Return the only one of a list, else the list: one class is told in one way, whatever the tool."""
    return chosen[0] if isinstance(chosen, list) and len(chosen) == 1 else chosen


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


_TOOLS: Final[Sequence[tuple[Callable[[Fields], bool], Callable[[Fields], Answers]]]] = (
    (_is_argilla, _argilla),
    (_is_prodigy, _prodigy),
    (_is_label_studio, _label_studio),
    (_is_doccano, _doccano),
)
