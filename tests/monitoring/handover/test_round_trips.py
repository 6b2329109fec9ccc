"""A batch goes out in each form, is labelled as its tool does it, and comes back twice: one state."""

from dataclasses import replace

import pytest

from monitoring import handover
from monitoring.errors import LabelsInvalid
from monitoring.store import Store
from monitoring.waves.labels import LabelReceipt
from tests.support.labelers import TOOLS, WITHOUT_SKIPS
from tests.support.round_trip import KINDS, ONE, emitted, expected, send_to, state_of


@pytest.mark.parametrize("form", handover.FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_export_label_import_twice(store: Store, form: str, kind: str) -> None:
    """Every answer is taken at the first import and known at the second, and the items are what was said."""
    manifest, answers = KINDS[kind]
    back = TOOLS[form](handover.export(emitted(store, **manifest), form), answers)
    send, skips = send_to(store), form not in WITHOUT_SKIPS
    assert send(back) == LabelReceipt(accepted=3 + skips, repeated=0)
    once = state_of(store)
    assert send(back) == LabelReceipt(accepted=0, repeated=3 + skips)
    assert state_of(store) == once == expected(answers, skips=skips)


@pytest.mark.parametrize("form", handover.FORMS)
def test_what_was_pulled_is_no_label_yet(store: Store, form: str) -> None:
    """The file sent back as it was pulled stores nothing, and a tool's input is refused as what it is."""
    body, send = handover.export(emitted(store), form), send_to(store)
    if form in ("label_studio", "prodigy"):
        with pytest.raises(LabelsInvalid, match=r"^body: a task for (Label Studio|Prodigy), without "):
            send(body)
    else:
        receipt = send(body)
        assert receipt == LabelReceipt(accepted=0, repeated=0)
    assert {state for state, _ in state_of(store).values()} == {"open"}


@pytest.mark.parametrize("form", handover.FORMS)
def test_a_file_of_another_batch_is_refused_whole(store: Store, form: str) -> None:
    """Every form carries its batch: sent to the wrong one it says so, and nothing of it is stored."""
    other = replace(emitted(store), id="b0")
    with pytest.raises(LabelsInvalid, match=r"^body: labels of batch 'b0', not of 'b1'; send them there$"):
        send_to(store)(TOOLS[form](handover.export(other, form), ONE))


@pytest.mark.parametrize("form", handover.FORMS)
def test_a_file_of_a_newer_version_is_refused_whole(
    store: Store, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later version of this program may mean is not guessed."""
    batch = emitted(store)
    for module in ("argilla", "doccano", "label_studio", "prodigy", "record"):
        monkeypatch.setattr(f"monitoring.handover.{module}.EXPORT_VERSION", 2)
    back = TOOLS[form](handover.export(batch, form), ONE)
    with pytest.raises(LabelsInvalid, match=r"^body: exported by a newer Seamark \(export_version 2; this "):
        send_to(store)(back)
