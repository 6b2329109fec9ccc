"""What is written beside the items of a batch is told from labels, whichever of the files it is."""

import json
from typing import Any

import pytest

from monitoring import handover
from monitoring.errors import LabelsInvalid
from monitoring.waves.batches import Batch
from monitoring.waves.returns import parse_labels

BATCH = Batch("b1", "a1", "m@1", 0.0, "open", {"classes": ["ham", "spam"], "candidates": {"given": 9}}, ())
SETTINGS = [name for name, form in handover.FORMS.items() if form.settings is not None]
DOCCANO_S_OWN = {"id": 1, "text": "ham", "prefixKey": None, "suffixKey": "1", "backgroundColor": "#000000"}


@pytest.mark.parametrize("batch", ["b1", "another"])
def test_a_manifest_is_none_of_labels(batch: str) -> None:
    """Of another batch neither: it is nowhere to be sent."""
    with pytest.raises(LabelsInvalid, match=r"^body: the manifest of a batch; send"):
        parse_labels(handover.manifest(BATCH), batch=batch)


@pytest.mark.parametrize("form", SETTINGS)
def test_settings_of_a_tool_are_none_of_labels(form: str) -> None:
    """All of the file is refused, of many label types once."""
    with pytest.raises(LabelsInvalid) as refused:
        parse_labels(handover.labeling_config(BATCH, form), batch="b1")
    assert str(refused.value).startswith(
        {
            "label_studio": "body: neither JSON nor a table of labels; expected",
            "argilla": "body: settings for Argilla; send the labelled file, or what the labeling tool",
            "prodigy": "body: settings for Prodigy; send",
            "doccano": "body: label types for doccano; send",
        }[form]
    )


@pytest.mark.parametrize(
    ("posted", "reason"),
    [
        ([DOCCANO_S_OWN], "label types for doccano"),
        ({"name": "seamark", "version": "1"}, "neither `key` nor `label`; send rows of both, or what"),
        ([{}, {"x": 1}], "neither `key` nor `label`"),
    ],
    ids=["doccano", "object", "rows"],
)
def test_other_files_are_refused_as_a_whole(posted: Any, reason: str) -> None:
    """What names no item and no label is not answered row by row; among good rows it is that row's matter."""
    with pytest.raises(LabelsInvalid, match=f"^body: {reason}"):
        parse_labels(json.dumps(posted).encode())
    rows = [{"key": "a", "label": "ham"}, *(posted if isinstance(posted, list) else [posted])]
    parsed = parse_labels(json.dumps(rows).encode())
    assert [row.key for row in parsed.rows] == ["a"]
    assert parsed.rejected[0].reason.startswith(reason)
