"""Erasing over HTTP: who may, what it answers, and that nothing of the item is left on the disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import bundles
from tests.support.house import House

PROBLEM = "urn:seamark:problem:"
ASKED: dict[str, Any] = {"ids": ["t-17"], "who": "ada", "why": "the sender asked for it"}


def told(house: House) -> None:
    """Let the worker answer, and store, fifty items; one of them is t-17."""
    names = bundles.NAMED
    house.answer_items(
        [{"text": f"{names[n % 3]} canary{n:02d}", "id": f"t-{n}", "source": "email"} for n in range(50)]
    )


def files(directory: Path) -> bytes:
    """Every byte below a directory."""
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def test_an_item_is_erased_from_the_disk_and_its_batch(house: House) -> None:
    """The answer has a digest and counts of rows, and no id."""
    told(house)
    batch = house.local.post("/v1/batches", json={"by": "kim", "size": 20}).json()["id"]
    ids = [f"t-{n}" for n in range(50)]
    inside = [each for each in ids if f'"{each}"' in house.local.get(f"/v1/batches/{batch}/items").text]
    answer = house.local.post("/v1/erase", json={**ASKED, "ids": inside[:1]})
    assert answer.status_code == 200
    said = answer.json()
    assert said["removed"] == {"batch_items": 1, "candidates": 1}
    assert said["off_disk"] is True
    assert len(said["erased"][0]["tombstone"]) == 64
    assert inside[0] not in answer.text
    text = f"canary{int(inside[0][2:]):02d}"
    assert text not in house.local.get(f"/v1/batches/{batch}/items").text
    assert text.encode() not in files(house.settings.state)
    assert b"canary" in files(house.settings.state)


def test_what_a_worker_has_not_flushed_is_not_kept(house: House) -> None:
    """It was answered before, and is stored after the erasure: counted, and not a word of it."""
    item = {"text": "billing canaryzebra", "id": "t-17", "source": "email"}
    assert house.predict({"items": [item]}) == 200
    assert house.local.post("/v1/erase", json=ASKED).json()["removed"] == {}
    house.settle()
    store = house.worker.state.store()
    assert store.counts.total(store.counts.models()[0]).sum() == 1
    assert b"canaryzebra" not in files(house.settings.state)
    assert b"t-17" not in files(house.settings.state)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ids": []}, "$.ids"),
        ({"ids": [""]}, "$.ids[0]"),
        ({"ids": ["x"] * 501}, "$.ids"),
        ({"why": ""}, "$.why"),
        ({"why": "t-17 asked"}, "$.why"),
        ({"why": "T-17 asked"}, "$.why"),
        ({"ids": ["t-17", "@id"], "why": "remove @ID, please"}, "$.why"),
        ({"ids": ["id"], "why": "(id)"}, "$.why"),
        ({"who": None}, "$.who"),
        ({"who": "for T-17"}, "$.who"),
    ],
    ids=[
        *("none", "an empty one", "too many", "no reason", "a reason that names the item", "in capitals"),
        *("a short one", "in brackets", "nobody", "somebody who is the item"),
    ],
)
def test_a_bad_request_names_the_field(house: House, change: dict[str, Any], field: str) -> None:
    """And erases nothing."""
    refused = house.local.post("/v1/erase", json={**ASKED, **change})
    assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert "t-17" not in refused.text
    assert house.worker.state.store().erasure.count() == 0


@pytest.mark.parametrize(("item", "why"), [("a", "a request"), ("ask", "she asked for it")])
def test_a_short_id_may_be_a_part_of_what_is_said(house: House, item: str, why: str) -> None:
    """Within a word it names nobody, and a single character names nobody anywhere."""
    assert house.local.post("/v1/erase", json={**ASKED, "ids": [item], "why": why}).status_code == 200


def test_only_operators_erase(house: House, open_house: Callable[..., House], tmp_path: Path) -> None:
    """Without keys the local host alone; with keys one of scope operate."""
    assert house.remote.post("/v1/erase", json=ASKED).json()["type"] == PROBLEM + "remote-refused"
    keys = tmp_path / "keys"
    keys.write_text(f"label:{'0' * 64}\n")
    closed = open_house(keys_file=keys)
    assert closed.local.post("/v1/erase", json=ASKED).status_code == 401
