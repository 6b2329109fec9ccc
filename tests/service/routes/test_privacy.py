"""Where the texts of items are, and when they are gone: in the files themselves, not only in the answers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support import bundles
from tests.support.house import House

CANARY = "canaryzebra"
CALM, MOVED = (0.6, 0.3, 0.1), (0.3, 0.2, 0.5)
DAY = 86_400.0


def drift(house: House) -> str:
    """Let the mix move until a batch is made; return its id."""
    for bucket in range(16):
        shares = CALM if bucket < 8 else MOVED
        names = np.random.default_rng(bucket).choice(bundles.NAMED, 100, p=shares)
        items = [
            {"text": f"{name} {CANARY} number {bucket} {at}", "id": f"{bucket}-{at}"}
            for at, name in enumerate(names)
        ]
        assert house.predict({"items": items}) == 200
        house.settle()
        house.clock.advance(house.settings.bucket_seconds)
        house.watcher().tick()
    (batch,) = house.local.get("/v1/batches").json()["batches"]
    return str(batch["id"])


def found_in(directory: Path) -> list[str]:
    """Return the files below `directory` that hold the canary."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path.name for path in files if CANARY.encode() in path.read_bytes()]


def test_without_texts_a_batch_holds_ids_and_no_file_holds_a_text(open_house: Callable[..., House]) -> None:
    """The alarm and its batch are the same; whoever sent the items looks the texts up."""
    house = open_house(keep_text="none")
    batch = drift(house)
    exported = house.local.get(f"/v1/batches/{batch}/items?format=csv").text
    told = house.local.get(f"/v1/batches/{batch}").json()
    assert exported.count("\n") == 1 + told["items"] > 1
    assert told["notes"][-1].startswith("it holds ids and no texts (SEAMARK_KEEP_TEXT=none, or past ")
    assert CANARY not in exported
    assert found_in(house.settings.state) == []


@pytest.mark.parametrize("checkpointed", [False, True], ids=["in the log", "in the file"])
def test_after_their_retention_texts_are_nowhere_on_the_disk(
    open_house: Callable[..., House], checkpointed: bool
) -> None:
    """Neither a free page of the database nor its log keeps what was blanked, while the service runs."""
    house = open_house(keep_text="full", retention_days=2.0)
    batch = drift(house)
    assert not any("no texts" in note for note in house.local.get(f"/v1/batches/{batch}").json()["notes"])
    if checkpointed:
        house.worker.state.store().retention.erase()
    assert CANARY in house.local.get(f"/v1/batches/{batch}/items").text
    assert found_in(house.settings.state) != []
    house.clock.advance(1.5 * DAY)
    house.watcher().tick()
    assert CANARY in house.local.get(f"/v1/batches/{batch}/items").text
    house.clock.advance(0.6 * DAY)
    house.watcher().tick()
    items = house.local.get(f"/v1/batches/{batch}/items").text
    assert CANARY not in items
    assert items.count("\n") == house.local.get(f"/v1/batches/{batch}").json()["items"]
    assert found_in(house.settings.state) == []
