"""Items in a labeler's hands over HTTP: what they see, what they hold, what is over."""

import json
from typing import Any

import numpy as np
import pytest

from tests.support import bundles
from tests.support.house import House


def traffic() -> list[str]:
    """Return texts that do not resemble each other, a third of each class."""
    words = ["".join(each) for each in np.random.default_rng(0).choice(list("abcdefghij"), (60, 30))]
    return [f"{name} {word}" for word, name in zip(words, bundles.NAMED * 20, strict=True)]


@pytest.fixture
def batch(house: House) -> str:
    """Return a batch of a house with traffic."""
    house.answer(traffic())
    return str(house.local.post("/v1/batches", json={"by": "ada", "watched": ["login"]}).json()["id"])


def take(house: House, batch: str, who: str, *, once: str | None = None, **asked: Any) -> dict[str, Any]:
    """Lease items and return what the service says."""
    headers = {} if once is None else {"Idempotency-Key": once}
    answer = house.local.post(f"/v1/batches/{batch}/lease", json={"who": who, **asked}, headers=headers)
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


def pulled(house: House, batch: str) -> list[dict[str, Any]]:
    """Return the whole record of each item."""
    content = house.local.get(f"/v1/batches/{batch}/items").text
    return [json.loads(line) for line in content.splitlines()]


def test_a_labeler_sees_the_item_and_nothing_of_its_choice(house: House, batch: str) -> None:
    """In the shuffled order of the queue; the model's answer only where no draw must be kept from it."""
    known = pulled(house, batch)
    got = take(house, batch, "kim", size=100)
    assert [item["key"] for item in got["items"]] == [row["key"] for row in known]
    assert {frozenset(item) for item in got["items"]} == {
        frozenset({"key", "id", "source", "time", "text", "predicted"})
    }
    drawn = [row["stratum"] != "certainty" for row in known]
    assert any(drawn)
    assert not all(drawn)
    for item, row, hidden in zip(got["items"], known, drawn, strict=True):
        assert item["predicted"] == (None if hidden else row["predicted"])
    assert got["expires_at"] - got["leased_at"] == 3_600
    assert got["leased"] == got["open"] == len(known)


def test_nobody_gets_what_another_has_and_a_repeat_gets_the_same(house: House, batch: str) -> None:
    """The same key and person the same lease; another person with that key has nothing to do with it."""
    kim, again, lou = (take(house, batch, who, once="k", size=5) for who in ("kim", "kim", "lou"))
    assert kim == again | {"leased": 5}
    assert not {item["key"] for item in kim["items"]} & {item["key"] for item in lou["items"]}
    listed = house.local.get("/v1/batches").json()["batches"][0]
    assert listed["leased"] == house.local.get(f"/v1/batches/{batch}").json()["leased"] == 10


def test_a_key_stands_for_one_request(house: House, batch: str) -> None:
    """Another size or time is refused and takes nothing; what is left out is the default."""
    first = take(house, batch, "kim", once="k")
    for change in ({"size": 7}, {"minutes": 30}):
        other = house.local.post(
            f"/v1/batches/{batch}/lease", json={"who": "kim", **change}, headers={"Idempotency-Key": "k"}
        )
        assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (422, "idempotency-key-reused")
        assert f"lease {first['lease']} and differs in size or minutes" in other.json()["detail"]
    assert take(house, batch, "kim", once="k", size=20, minutes=60) == first


def test_with_nothing_left_the_lease_is_null(house: House, batch: str) -> None:
    """No error: a labeler's program asks again later."""
    everything = take(house, batch, "kim", size=500)
    nothing = take(house, batch, "lou")
    assert (nothing["lease"], nothing["items"], nothing["expires_at"]) == (None, [], None)
    path = f"/v1/batches/{batch}/leases/{everything['lease']}/release"
    released = [house.local.post(path, json={}).json()["released"] for _ in range(2)]
    assert released == [len(everything["items"]), 0]
    assert len(take(house, batch, "lou", size=500)["items"]) == len(everything["items"])


def test_leases_that_are_over_and_unknown_ones_are_problems(house: House, batch: str) -> None:
    """409 says what to do next, 404 names what is not there."""
    take(house, batch, "kim", once="k", minutes=1)
    house.clock.advance(60)

    def problem(path: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = house.local.post(f"/v1/batches/{path}", json=body, headers={"Idempotency-Key": "k"})
        return answer.status_code, answer.json()["type"].rpartition(":")[2]

    assert problem(f"{batch}/lease", {"who": "kim", "minutes": 1}) == (409, "lease-over")
    assert problem("none/lease", {"who": "kim"}) == (404, "unknown-batch")
    assert problem(f"{batch}/leases/none/release", {}) == (404, "unknown-lease")
    assert problem(f"{batch}/lease", {"who": "kim", "size": 0}) == (422, "field-invalid")
    assert problem(f"{batch}/lease", {"who": ""}) == (422, "field-invalid")
    assert problem(f"{batch}/lease", {"who": "kim", "minutes": 20_000}) == (422, "field-invalid")
    house.local.post(f"/v1/batches/{batch}/close", json={"by": "ada"})
    assert problem(f"{batch}/lease", {"who": "lou"}) == (409, "batch-closed")


def test_other_hosts_get_no_items_without_keys(house: House, batch: str) -> None:
    """A lease reads items and changes who has them."""
    assert house.remote.post(f"/v1/batches/{batch}/lease", json={"who": "eve"}).status_code == 403
    assert house.remote.post(f"/v1/batches/{batch}/leases/l/release", json={}).status_code == 403
