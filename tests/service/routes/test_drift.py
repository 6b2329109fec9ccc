"""The state of drift over HTTP, from warming up to an alarm and a new baseline."""

import asyncio
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support import bundles
from tests.support.house import START, House

CALM = (0.6, 0.3, 0.1)
MOVED = (0.3, 0.2, 0.5)
CAMPAIGN = {"class": "login", "until": START + 10_000, "by": "ada", "why": "campaign"}


def texts(shares: tuple[float, ...], *, n: int = 100, seed: int = 0) -> list[str]:
    """Return n different texts whose classes have these shares."""
    names = np.random.default_rng(seed).choice(bundles.NAMED, n, p=shares)
    return [f"{name} case{seed}x{at}" for at, name in enumerate(names)]


def drift(house: House, *, buckets: int = 8) -> None:
    """Let the mix be calm until the baseline freezes, then move."""
    for seed in range(buckets):
        house.answer(texts(CALM, seed=seed))
    for seed in range(buckets, 2 * buckets):
        house.answer(texts(MOVED, seed=seed))


def test_a_version_without_traffic_is_warming_up(house: House) -> None:
    """Every key and every class is there before the first item, so that no reader needs a special case."""
    before = house.local.get("/v1/drift").json()
    assert (before["model"], before["state"], before["alarm"]) == ("tiny@1", "warming", None)
    assert before["statistic"] < before["threshold"]
    house.answer(texts(CALM))
    after = house.local.get("/v1/drift").json()
    assert before.keys() == after.keys()
    assert before["watcher"].keys() == after["watcher"].keys()
    assert [each.keys() for each in before["classes"]] == [each.keys() for each in after["classes"]]
    assert [each["class"] for each in before["classes"]] == [each["class"] for each in after["classes"]]


def test_drift_is_reported_with_class_interval_and_since(house: House) -> None:
    """The alarm names the class that rose, its share between low and high, and when it began."""
    drift(house)
    status = house.remote.get("/v1/drift").json()
    assert status["state"] == "drift"
    risen = status["alarm"]["classes"][0]
    assert (risen["class"], risen["direction"]) == ("login", "rise")
    assert risen["reference"] < risen["low"] < risen["current"] < risen["high"]
    assert status["alarm"]["since_time"] >= START
    assert {each["class"] for each in status["classes"]} == {*bundles.NAMED, "no_class_passes"}
    assert house.failures == []


def test_the_meaning_comes_with_the_drift(house: House) -> None:
    """One sentence, the priors, the gate and what becomes of each claim; also kept with the alarm."""
    drift(house)
    seen = house.local.get("/v1/drift").json()
    meaning = seen["meaning"]
    assert meaning["verdict"]
    assert meaning.keys() >= {"classes", "gate", "expected", "claims", "agreement", "withheld"}
    assert (meaning["alarm"], meaning["since"]) == (seen["last_alarm"]["id"], seen["alarm"]["since_time"])
    assert seen["last_alarm"]["meaning"]["alarm"] == seen["last_alarm"]["id"]


def test_streams_are_listed_with_their_share_of_the_budget(house: House) -> None:
    """Classes, scores and inputs; a column says what it counts."""
    drift(house)
    streams = {each["name"]: each for each in house.local.get("/v1/drift").json()["streams"]}
    assert {"classes", "scores", "inputs:length"} <= streams.keys()
    assert sum(each["share"] for each in streams.values()) == pytest.approx(1)
    assert streams["classes"]["columns"] is None
    assert "characters" in streams["inputs:length"]["columns"][0]["name"]


def test_names_in_settings_that_the_model_does_not_have_are_told(open_house: Callable[..., House]) -> None:
    """A misspelt class would otherwise be watched by nobody."""
    house = open_house(watch=(("logn", 5.0), ("billing", 2.0), ("*", 0.5)), tolerance_by_class=(("x", 0.2),))
    assert house.local.get("/v1/drift").json()["unknown_classes"] == ["logn", "x"]


def test_a_planned_change_is_announced(house: House) -> None:
    """Until then its class raises no alarm; it can be ended before its time."""
    for seed in range(8):
        house.answer(texts(CALM, seed=seed))
    (expected,) = house.local.post("/v1/drift/expect", json=CAMPAIGN).json()["expectations"]
    assert {name: expected[name] for name in CAMPAIGN} == CAMPAIGN
    for seed in range(8, 12):
        house.answer(texts(MOVED, seed=seed))
    seen = house.local.get("/v1/drift").json()
    assert (seen["last_alarm"], seen["expectations"]) == (None, [expected])
    ended = house.local.post("/v1/drift/expect/end", json={"class": "login", "by": "ada"})
    assert ended.json() == {"model": "tiny@1", "expectations": []}
    by_ada = [entry.action for entry in house.worker.state.store().audit.list() if entry.who == "ada"]
    assert by_ada == ["end_expectation", "expect_change"]


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"class": "logn"}, 422, "$.class"),
        ({"until": "soon"}, 422, "$.until"),
        ({"until": "2023-11-15T00:00:00"}, 422, "$.until"),
        ({"until": -1}, 422, "$.until"),
        ({"until": START - 1}, 409, None),
        ({"until": "2024-11-15T00:00:00Z"}, 409, None),
        ({"why": ""}, 422, "$.why"),
        ({"until": "2023-11-20T00:00:00+01:00"}, 200, None),
    ],
)
def test_an_announcement_says_what_is_allowed(
    house: House, changed: dict[str, Any], status: int, field: str | None
) -> None:
    """A class of the model, a moment with a zone that is not too far, and a reason."""
    for _ in range(2):  # before there is traffic and after
        answer = house.local.post("/v1/drift/expect", json={**CAMPAIGN, **changed})
        assert (answer.status_code, answer.json().get("field")) == (status, field)
        house.answer(texts(CALM))


def test_a_change_is_announced_before_there_is_traffic(house: House) -> None:
    """It is stored with the reply, shown at once, and the detector starts with it."""
    (expected,) = house.local.post("/v1/drift/expect", json=CAMPAIGN).json()["expectations"]
    assert house.local.get("/v1/drift").json()["expectations"] == [expected]
    drift(house)
    seen = house.local.get("/v1/drift").json()
    assert (seen["last_alarm"], seen["expectations"]) == (None, [expected])


def test_a_change_is_announced_of_a_version_that_is_to_be_promoted(house: House) -> None:
    """Any version of the store; the one in force expects nothing of it."""
    bundles.publish_tiny(house.models, promote=False)
    said = house.local.post("/v1/drift/expect?model=tiny@2", json=CAMPAIGN)
    assert (said.json()["model"], len(said.json()["expectations"])) == ("tiny@2", 1)
    assert house.local.get("/v1/drift?model=tiny@2").json()["expectations"] == said.json()["expectations"]
    assert house.local.get("/v1/drift").json()["expectations"] == []
    ended = house.local.post("/v1/drift/expect/end?model=tiny@2", json={"class": "login", "by": "ada"})
    assert ended.json() == {"model": "tiny@2", "expectations": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/drift", None),
        ("/v1/drift/history", None),
        ("/v1/drift/expect", CAMPAIGN),
        ("/v1/drift/expect/end", {"class": "login", "by": "ada"}),
    ],
    ids=["status", "history", "expect", "end"],
)
def test_an_unknown_version_is_one_problem_whoever_asks(
    house: House, path: str, body: dict[str, Any] | None
) -> None:
    """404 with the versions there are; no such name likewise, and no such class of it is not looked for."""

    def ask(model: str) -> Any:
        where = f"{path}?model={model}"
        return house.local.get(where) if body is None else house.local.post(where, json=body)

    answer = ask("tiny@9")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:seamark:problem:unknown-version")
    assert answer.json()["detail"].startswith("the store has no version '9' of 'tiny'; ")
    assert answer.json()["detail"].endswith("shows what it has (1)")
    assert ask("mail@1").json()["detail"].endswith("(tiny)")


def test_an_unknown_class_is_one_problem_whoever_asks(house: House) -> None:
    """422 with the place of the name and the same classes allowed, of a version with traffic and without."""
    allowed = f"expected one of {', '.join(bundles.NAMED)}, no_class_passes"
    for _ in range(2):
        for answer, field in (
            (house.local.post("/v1/drift/expect", json={**CAMPAIGN, "class": "logn"}), "$.class"),
            (house.local.post("/v1/drift/expect/end", json={"class": "logn", "by": "ada"}), "$.class"),
            (house.local.get("/v1/drift/plan?class=logn"), "query.class"),
        ):
            said = answer.json()
            assert (answer.status_code, said["type"]) == (422, "urn:seamark:problem:field-invalid")
            assert (said["field"], said["allowed"]) == (field, allowed)
        house.answer(texts(CALM))


def test_a_version_whose_bundle_is_gone_is_known_by_its_traffic(house: House) -> None:
    """Its status and its history stay, and a change of its classes can be announced."""
    house.answer(texts(CALM))
    bundles.publish_tiny(house.models)
    asyncio.run(house.worker.poll())
    shutil.rmtree(house.models.path_of("tiny@1"))
    for path in ("/v1/drift?model=tiny@1", "/v1/drift/history?model=tiny@1"):
        assert house.local.get(path).status_code == 200
    assert house.local.post("/v1/drift/expect?model=tiny@1", json=CAMPAIGN).status_code == 200


def test_ending_what_was_not_announced_is_a_conflict(house: House) -> None:
    """Before there is traffic and after."""
    for _ in range(2):
        answer = house.local.post("/v1/drift/expect/end", json={"class": "login", "by": "ada"})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:seamark:problem:expectation-refused")
        house.answer(texts(CALM))


def test_the_plan_says_how_soon_a_change_would_be_noticed(house: House) -> None:
    """From validation rows before there is traffic, from the baseline then."""
    ahead = house.local.get("/v1/drift/plan").json()
    assert (ahead["model"], ahead["assumed"]) == ("tiny@1", True)
    house.answer(["one item"])
    provisional = house.local.get("/v1/drift/plan").json()
    assert provisional["rows"] == ahead["rows"]
    for seed in range(8):
        house.answer(texts(CALM, seed=seed))
    plan = house.local.get("/v1/drift/plan?class=login&factor=2.5").json()
    (row,) = plan["rows"]
    assert (row["class"], row["ratio"], plan["assumed"]) == ("login", 2.5, False)
    assert row["items"] > 0
    assert row["seconds"] > 0
    assert "90 days" in plan["false_alarms"]
    assert len(house.local.get("/v1/drift/plan").json()["rows"]) == 3 * len(bundles.NAMED) + 3


def test_an_older_versions_history_stays(house: House) -> None:
    """Its alarms and buckets are read by its key, which the status lists."""
    drift(house)
    bundles.publish_tiny(house.models)
    asyncio.run(house.worker.poll())
    house.answer(texts(MOVED, seed=99))
    seen = house.local.get("/v1/drift").json()
    assert (seen["model"], seen["last_alarm"], seen["models"]) == ("tiny@2", None, ["tiny@1", "tiny@2"])
    assert (seen["shadow"]["of"], seen["shadow"]["same_scores"]) == ("tiny@1", True)
    history = house.local.get("/v1/drift/history?model=tiny@1").json()
    assert len(history["alarms"]) == 1
    assert len(history["buckets"]) == 16


def test_a_version_without_traffic_has_an_empty_history(house: House) -> None:
    """As its status has: a promotion makes no command fail until the first item comes."""
    history = house.local.get("/v1/drift/history").json()
    assert history["model"] == "tiny@1"
    assert (history["buckets"], history["alarms"], history["models"]) == ([], [], [])


def test_history_has_every_bucket_and_the_alarm_with_its_batch(house: House) -> None:
    """Counts of the history add up to the items answered; the alarm leads to its batch."""
    drift(house)
    history = house.local.get("/v1/drift/history").json()
    assert sum(np.sum(bucket["counts"]) for bucket in history["buckets"]) == 1_600
    alarm = history["alarms"][0]
    assert alarm["finding"]["classes"][0]["class"] == "login"
    assert house.local.get(f"/v1/batches/{alarm['batch']}").json()["alarm"] == alarm["id"]
    assert len(house.local.get("/v1/drift/history?limit=3").json()["buckets"]) == 3


def test_a_new_baseline_ends_the_alarm_and_is_audited(house: House) -> None:
    """During an alarm it takes force; who and why are kept."""
    drift(house)
    refused = house.local.post("/v1/drift/baseline", json={"by": "ada", "why": "campaign"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:seamark:problem:baseline-refused")
    frozen = house.local.post("/v1/drift/baseline", json={"by": "ada", "why": "campaign", "force": True})
    assert frozen.status_code == 200
    assert (frozen.json()["kind"], frozen.json()["by"]) == ("frozen", "ada")
    assert house.local.get("/v1/drift").json()["state"] != "drift"
    entry = house.worker.state.store().audit.list()[0]
    assert (entry.who, entry.action) == ("ada", "freeze_baseline")


def test_an_early_baseline_is_refused(house: House) -> None:
    """Without a closed bucket there is nothing to freeze: 404 without traffic, 409 with too little."""
    assert house.local.post("/v1/drift/baseline", json={"by": "ada"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/drift?model=tiny@99", 404),
        ("/v1/drift/history?model=tiny@99", 404),
        ("/v1/drift/history?limit=0", 422),
        ("/v1/drift/history?limit=x", 422),
        ("/v1/drift/history?lmit=10", 422),
        ("/v1/drift/history?limit=3&limit=4", 422),
        ("/v1/drift?probabilities=true", 422),
        ("/v1/drift/plan?factor=1", 422),
        ("/v1/drift/plan?factor=0", 422),
        ("/v1/drift/plan?factor=nan", 422),
        ("/v1/drift/plan?factor=1_0", 422),
        ("/v1/drift/plan?class=logn", 422),
        ("/v1/models?limit=1", 422),
        ("/v1/batches?format=csv", 422),
        ("/v1/batches/b/items?limit=1", 422),
    ],
)
def test_wrong_queries_are_problems(house: House, path: str, status: int) -> None:
    """An unknown version, a number out of range, a parameter misspelt or given twice say so."""
    answer = house.local.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "$.by"),
        ({"by": ""}, "$.by"),
        ({"by": "ada", "force": "yes"}, "$.force"),
        ({"by": "ada", "x": 1}, "$"),
    ],
)
def test_a_bad_body_names_the_field(house: House, body: object, field: str) -> None:
    """422 with the path, and the fields that are allowed for an unknown one."""
    answer = house.local.post("/v1/drift/baseline", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
