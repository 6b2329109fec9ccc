"""Proposals over HTTP: made once, compared with what is in force, decided by somebody."""

from typing import Any

import pytest

from model_store.bundles.bundle import read_manifest
from monitoring.proposing import fingerprint
from tests.support import bundles
from tests.support.house import House


def body(house: House, candidate: str, **fields: Any) -> dict[str, Any]:
    """Return what proposes a version that the store has."""
    manifest = read_manifest(house.models.path("tiny", candidate))
    return {
        "by": "ada",
        "why": "labels came back",
        "kind": "fit",
        "base": "1",
        "candidate": candidate,
        "digest": fingerprint(manifest),
        "comparison": {"claims": [], "explored_labels_needed": 40},
        **fields,
    }


@pytest.fixture
def second(house: House) -> House:
    """Return a house whose store has two versions more than the one in force."""
    for _ in range(2):
        bundles.publish_tiny(house.models, promote=False)
    return house


def test_a_proposal_is_made_once(second: House) -> None:
    """Sent twice, listed once, readable with what it compares."""
    made = second.local.post("/v1/proposals", json=body(second, "2"))
    assert made.status_code == 200
    assert second.local.post("/v1/proposals", json=body(second, "2")).json() == made.json()
    (listed,) = second.remote.get("/v1/proposals").json()["proposals"]
    assert "comparison" not in listed
    assert second.remote.get(f"/v1/proposals/{listed['id']}").json() == made.json()
    assert (made.json()["state"], made.json()["model"], made.json()["by"]) == ("open", "tiny", "ada")


def test_a_newer_one_supersedes_and_can_be_rejected(second: House) -> None:
    """With who and why."""
    first = second.local.post("/v1/proposals", json=body(second, "2")).json()
    newer = second.local.post("/v1/proposals", json=body(second, "3")).json()
    assert second.local.get(f"/v1/proposals/{first['id']}").json()["state"] == "superseded"
    change = {"who": "kim", "why": "worse on chat"}
    rejected = second.local.post(f"/v1/proposals/{newer['id']}/reject", json=change).json()
    assert (rejected["state"], rejected["decided_by"]) == ("rejected", "kim")
    refused = second.local.post(f"/v1/proposals/{first['id']}/reject", json=change)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:seamark:problem:proposal-refused")
    assert second.local.get("/v1/proposals?state=open").json() == {"proposals": []}


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"base": "2"}, 409, "version 1 is in force"),
        ({"digest": "0" * 64}, 409, "another one than was proposed"),
        ({"kind": "guess"}, 422, "$.kind"),
        ({"candidate": "../1"}, 422, "$.candidate"),
        ({"why": ""}, 422, "$.why"),
    ],
)
def test_what_cannot_be_proposed_says_why(
    second: House, fields: dict[str, Any], status: int, said: str
) -> None:
    """And is not stored."""
    refused = second.local.post("/v1/proposals", json=body(second, "3") | fields)
    assert (refused.status_code, said in refused.json()["detail"]) == (status, True)
    assert second.local.get("/v1/proposals").json() == {"proposals": []}


def test_a_version_the_store_lacks_or_has_in_force_is_refused(second: House) -> None:
    """404 and 409."""
    missing = second.local.post("/v1/proposals", json=body(second, "2") | {"candidate": "9"})
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:seamark:problem:unknown-version")
    same = second.local.post("/v1/proposals", json=body(second, "1"))
    assert (same.status_code, "in force already" in same.json()["detail"]) == (409, True)


def test_other_hosts_read_and_do_not_write(second: House) -> None:
    """As with versions."""
    assert second.remote.post("/v1/proposals", json=body(second, "2")).status_code == 403
    assert second.remote.get("/v1/proposals").status_code == 200
    assert second.remote.get("/v1/proposals/nothing").status_code == 404
    assert second.remote.get("/v1/proposals?state=lost").status_code == 422


def test_the_basis_says_what_labels_are_good_for(house: House) -> None:
    """Before anything was labelled too."""
    found = house.remote.get("/v1/proposals/basis").json()
    assert found == {"name": "tiny", "current": "1", "moved_at": None, "alarm": None, "batches": []}
