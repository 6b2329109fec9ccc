"""The state of drift over HTTP, from warming up to an alarm and a new baseline."""

import numpy as np
import pytest

from tests.support import bundles
from tests.support.house import START, House

CALM = (0.6, 0.3, 0.1)
MOVED = (0.3, 0.2, 0.5)


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
        ("/v1/drift/history", 404),
        ("/v1/drift/history?limit=0", 422),
        ("/v1/drift/history?limit=x", 422),
        ("/v1/drift/history?lmit=10", 422),
        ("/v1/drift/history?limit=3&limit=4", 422),
        ("/v1/drift?probabilities=true", 422),
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
        ({}, "$"),
        ({"by": ""}, "$.by"),
        ({"by": "ada", "force": "yes"}, "$.force"),
        ({"by": "ada", "x": 1}, "$"),
    ],
)
def test_a_bad_body_names_the_field(house: House, body: object, field: str) -> None:
    """422 with the path, and the fields that are allowed for an unknown one."""
    answer = house.local.post("/v1/drift/baseline", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
