"""Versions over HTTP: list, promote, roll back, and who runs which."""

import asyncio
import shutil
from pathlib import Path

import pytest
from httpx2 import Response

from monitoring.errors import StateUnavailable
from monitoring.proposing import Proposal, proposal_id
from tests.support import bundles
from tests.support.house import House

CHANGE = {"who": "ada", "why": "better recall"}


def test_the_list_has_versions_history_and_workers(house: House) -> None:
    """What is there, what is in force and since when, and what each worker runs."""
    bundles.publish_tiny(house.models, k=5, promote=False)
    listed = house.remote.get("/v1/models").json()
    assert (listed["name"], listed["current"]) == ("tiny", "1")
    assert [len(each["classes"]) for each in listed["versions"]] == [3, 5]
    assert [each["to_version"] for each in listed["history"]] == ["1"]
    assert [each["model"] for each in listed["workers"]] == ["tiny@1"]


def test_promotion_is_stored_followed_and_rolled_back(house: House) -> None:
    """The reply comes when it is stored; the worker follows at its next poll, and back again."""
    bundles.publish_tiny(house.models, k=5, promote=False)
    promoted = house.local.post("/v1/models/2/promote", json=CHANGE)
    assert promoted.status_code == 200
    assert (promoted.json()["from_version"], promoted.json()["to_version"]) == ("1", "2")
    assert promoted.json() == house.models.history("tiny")[-1].to_json()
    asyncio.run(house.worker.poll())
    for _ in range(5):
        house.settle()
    listed = house.local.get("/v1/models").json()
    assert [each["model"] for each in listed["workers"]] == ["tiny@2"]
    assert listed["history"][-1] == promoted.json()
    assert (listed["history"][-1]["who"], listed["history"][-1]["why"]) == ("ada", "better recall")
    assert house.local.post("/v1/models/rollback", json=CHANGE).json()["to_version"] == "1"
    asyncio.run(house.worker.poll())
    assert house.worker.swapper.current is not None
    assert house.worker.swapper.current.model.key == "tiny@1"


def test_what_is_in_force_already_answers_with_the_promotion_of_then(house: House) -> None:
    """Nothing changes, and nobody is told of a reason that is not kept."""
    first = house.models.history("tiny")
    again = house.local.post("/v1/models/1/promote", json=CHANGE)
    assert (again.status_code, again.json()) == (200, first[-1].to_json())
    assert house.models.history("tiny") == first


@pytest.mark.parametrize("version", ["7", "x", "..", "1%2F..%2F1"])
def test_an_unknown_version_is_a_404(house: House, version: str) -> None:
    """A version is a number in the store and never a path."""
    assert house.local.post(f"/v1/models/{version}/promote", json=CHANGE).status_code == 404
    assert house.models.current("tiny") == "1"


def test_a_bundle_that_fails_verification_is_not_promoted(house: House) -> None:
    """409 names the file; the version in force stays, and the list says what is wrong."""
    path: Path = bundles.publish_tiny(house.models, k=5, promote=False)
    (path / "policy.json").write_bytes(b"{}")
    refused = house.local.post("/v1/models/2/promote", json=CHANGE)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:seamark:problem:bundle-refused")
    assert "policy.json" in refused.json()["detail"]
    assert house.models.current("tiny") == "1"


def test_nothing_to_roll_back_to_is_a_409(house: House) -> None:
    """The first version has none before it."""
    assert house.local.post("/v1/models/rollback", json=CHANGE).status_code == 409


def roll_back(house: House, *, once: str | None = None, **body: str) -> Response:
    """Ask for a rollback."""
    headers = {} if once is None else {"Idempotency-Key": once}
    return house.local.post("/v1/models/rollback", json={**CHANGE, **body}, headers=headers)


@pytest.fixture
def third(house: House) -> House:
    """Return a house with three versions, the third of them in force."""
    for version in ("2", "3"):
        bundles.publish_tiny(house.models, k=3, promote=False)
        assert house.local.post(f"/v1/models/{version}/promote", json=CHANGE).status_code == 200
    return house


def test_a_rollback_leaves_only_the_version_it_names(third: House) -> None:
    """409 names both versions; sent twice, a rollback with `from` goes back once."""
    assert roll_back(third, **{"from": "3"}).json()["to_version"] == "2"
    refused = roll_back(third, **{"from": "3"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:seamark:problem:not-in-force")
    assert "version 3 is not in force, 2 is" in refused.json()["detail"]
    assert third.models.current("tiny") == "2"
    assert roll_back(third, **{"from": "two"}).json()["field"] == "$.from"


@pytest.mark.parametrize("body", [{}, {"from": "3"}], ids=["without", "with from"])
def test_a_repeated_rollback_gives_the_first_result(third: House, body: dict[str, str]) -> None:
    """The same Idempotency-Key is answered alike, and the history and the audit have one line of it."""
    answers = []
    for _ in range(3):
        answers.append(roll_back(third, once="k", **body))
        third.clock.advance(1)
    assert [each.status_code for each in answers] == [200] * 3
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert [each.action for each in third.models.history("tiny")].count("rollback") == 1
    assert [each.action for each in third.worker.state.store().audit.list()].count("rollback") == 1
    assert roll_back(third, once="k" * 129).status_code == 422


def test_a_rollback_is_done_while_the_state_is_away(third: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between store and state, or the state away: a repeat follows what the first request did."""
    store = third.worker.state.store()

    def away(*_: object, **__: object) -> int:
        raise StateUnavailable("here", "the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store.promotions, "follow", away)
        first = roll_back(third, once="k")
    assert first.status_code == 200
    assert [each.action for each in store.audit.list()].count("rollback") == 0
    assert roll_back(third, once="k").json() == first.json()
    assert [each.model_key for each in store.audit.list() if each.action == "rollback"] == ["tiny@2"]


def test_a_change_needs_a_name_and_a_reason(house: House) -> None:
    """Every promotion says who and why."""
    bundles.publish_tiny(house.models, promote=False)
    for body in ({}, {"who": "ada"}, {"who": "ada", "why": ""}):
        assert house.local.post("/v1/models/2/promote", json=body).status_code == 422


def test_a_full_disk_does_not_hide_the_lags(house: House) -> None:
    """A worker that cannot say which version it runs still exports what an operator needs then."""
    workers = house.settings.state / "workers"
    shutil.rmtree(workers)
    workers.write_text("in the way, as a full disk would be")
    for _ in range(5):
        house.clock.advance(1.0)
        house.settle()
    assert house.registry.get_sample_value("seamark_watcher_lag_seconds") is not None
    assert house.registry.get_sample_value("seamark_monitoring_failures_total", {"stage": "metrics"}) == 0
    assert house.local.get("/v1/models").json()["workers"] == []


def test_a_worker_that_is_gone_is_forgotten(house: House) -> None:
    """A line that is half a minute old is not listed any more."""
    house.clock.advance(60.0)
    assert house.local.get("/v1/models").json()["workers"] == []


def test_the_history_is_one_line_of_steps(house: House) -> None:
    """Versions, promotions and a rollback with who and why, newest first; other hosts may read it."""
    made = {"by": "kim", "why": "labels of May"}
    bundles.publish_tiny(house.models, promote=False, change=lambda parts: parts["training"].update(made))
    house.local.post("/v1/models/2/promote", json=CHANGE)
    house.clock.advance(1)
    house.local.post("/v1/models/rollback", json={"who": "lee", "why": "too many reviews"})
    told = house.remote.get("/v1/models/history").json()
    assert (told["name"], told["current"]) == ("tiny", "1")
    by_hand = [each for each in told["steps"] if each["step"] in ("promote", "rollback")]
    assert [(each["step"], each["model"], each["who"]) for each in by_hand] == [
        ("rollback", "tiny@1", "lee"),
        ("promote", "tiny@2", "ada"),
        ("promote", "tiny@1", "tests"),
    ]
    fits = {each["model"]: (each["who"], each["why"]) for each in told["steps"] if each["step"] == "fit"}
    assert fits == {"tiny@1": ("", ""), "tiny@2": ("kim", "labels of May")}
    assert len(house.remote.get("/v1/models/history?limit=1").json()["steps"]) == 1
    assert house.remote.get("/v1/models/history?limit=0").status_code == 422


def test_a_promotion_is_followed_before_its_reply(house: House) -> None:
    """Its proposal is promoted by then, and an older one of another version superseded."""
    for _ in range(2):
        bundles.publish_tiny(house.models, k=3, promote=False)
    store = house.worker.state.store()
    for version in ("2", "3"):
        store.proposals.add(
            Proposal(
                id=proposal_id("tiny", version),
                model_name="tiny",
                base_version="1",
                candidate_version=version,
                kind="fit",
                alarm_id=None,
                state="open",
                created_at=house.clock.now(),
                created_by="kim",
                why="more labels",
                comparison={},
            )
        )
        house.clock.advance(1)
    assert house.local.post("/v1/models/3/promote", json=CHANGE).status_code == 200
    decided = {each.candidate_version: each for each in store.proposals.list()}
    assert (decided["2"].state, decided["3"].state) == ("superseded", "promoted")
    assert (decided["3"].decided_by, decided["3"].decided_why) == (CHANGE["who"], CHANGE["why"])


def test_a_promotion_is_done_while_the_state_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pointer is the truth: the reply is 200, and the watcher follows when the state is back."""
    bundles.publish_tiny(house.models, k=3, promote=False)
    store = house.worker.state.store()

    def away(*_: object, **__: object) -> int:
        raise StateUnavailable("here", "the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store.promotions, "follow", away)
        assert house.local.post("/v1/models/2/promote", json=CHANGE).status_code == 200
    assert house.models.current("tiny") == "2"
    followed = [each for each in store.audit.list() if each.action == "promote"]
    assert followed == []
    house.watcher().tick()
    followed = [each for each in store.audit.list() if each.action == "promote"]
    assert [each.model_key for each in followed] == ["tiny@2", "tiny@1"]
