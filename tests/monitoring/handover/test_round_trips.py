"""A batch goes out in each form, is labelled as its tool does it, and comes back twice: one state."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from monitoring import handover
from monitoring.errors import LabelsInvalid
from monitoring.store import Load, NewBatch, Store
from monitoring.waves.batches import Batch, BatchItem, Label
from monitoring.waves.labels import LabelReceipt
from monitoring.waves.returns import parse_labels
from tests.support.labelers import TOOLS, WITHOUT_SKIPS, Answers

CLASSES = ("billing", '<fraud> & "theft"', "=odd")
KEYS = ("k1", "=2+5", "Grüße 🙂", "k4", "k5")
ONE: Answers = {"k1": "billing", "=2+5": "=odd", "Grüße 🙂": "none_of_these", "k4": None}
SEVERAL: Answers = {"k1": ("billing", "=odd"), "=2+5": ("=odd",), "Grüße 🙂": (), "k4": None}

Send = Callable[[bytes], LabelReceipt]


def emitted(store: Store, **manifest: Any) -> Batch:
    """Store a batch of five items, and read it back."""
    features = manifest.get("input_kind") == "features"
    items = tuple(
        BatchItem(
            rank=rank,
            key=key,
            item_id=key,
            source="email",
            text='{"amount": -1.5, "note": "=1"}' if features else 'Grüße,\n"two" lines; 🙂',
            slice="watched",
            stratum="certainty" if rank % 2 else "exploration",
            inclusion_probability=1.0 if rank % 2 else 0.01,
            dup_count=1,
            probabilities=(0.25, 0.7, 0.05),
            predicted=("billing", "=odd") if manifest.get("task") == "multilabel" else "billing",
            at=1_769_853_600.0,
        )
        for rank, key in enumerate(KEYS, start=1)
    )
    batch = NewBatch(
        id="b1",
        alarm_id=None,
        model_key="mail@1",
        reason="by_hand",
        created_at=1_769_853_600.0,
        manifest={"classes": list(CLASSES), "schema": 2, "complete_sample": True, **manifest},
        items=items,
        signatures=None,
    )
    store.closing.add_by_hand(batch, load=Load(open_batches=0, items_today=0), who="kim")
    return store.batches.get("b1")


def state_of(store: Store) -> Mapping[str, tuple[str, Label | None]]:
    """Return what became of each item."""
    return {item.key: (item.state, item.label) for item in store.batches.get("b1").items}


def send_to(store: Store) -> Send:
    """Return how a file is sent to the batch."""

    def send(body: bytes) -> LabelReceipt:
        parsed = parse_labels(body, batch="b1", annotator="kim")
        return parsed.complete(store.labels.accept("b1", parsed.rows, at=1_769_860_000.0))

    return send


@pytest.mark.parametrize("form", handover.FORMS)
@pytest.mark.parametrize(
    ("manifest", "answers"),
    [
        ({"task": "multiclass", "input_kind": "text"}, ONE),
        ({"task": "multilabel", "input_kind": "text"}, SEVERAL),
        ({"task": "multiclass", "input_kind": "features"}, ONE),
    ],
    ids=["one label", "several labels", "rows of a table"],
)
def test_export_label_import_twice(
    store: Store, form: str, manifest: dict[str, str], answers: Answers
) -> None:
    """Every answer is taken at the first import and known at the second, and the items are what was said."""
    body = handover.export(emitted(store, **manifest), form)
    back, send = TOOLS[form](body, answers), send_to(store)
    skips = 0 if form in WITHOUT_SKIPS else 1
    assert send(back) == LabelReceipt(accepted=3 + skips, repeated=0)
    once = state_of(store)
    assert send(back) == LabelReceipt(accepted=0, repeated=3 + skips)
    assert state_of(store) == once
    none: Label = () if manifest["task"] == "multilabel" else "none_of_these"
    said = {key: none if answer in ("none_of_these", ()) else answer for key, answer in answers.items()}
    assert once == {
        **{key: ("labelled", tuple(sorted(a)) if isinstance(a, tuple) else a) for key, a in said.items()},
        "k4": ("skipped", None) if skips else ("open", None),
        "k5": ("open", None),
    }


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
