"""Estimates over HTTP: what labels say of the version in force, of one batch, and since when."""

from typing import Any

import numpy as np
import pytest

from tests.support import bundles
from tests.support.house import House


@pytest.fixture
def labelled(house: House) -> tuple[House, list[str]]:
    """Return a house with two batches of the same traffic, all of whose items have their true label."""
    words = ["".join(each) for each in np.random.default_rng(0).choice(list("abcdefghij"), (300, 30))]
    house.answer([f"{name} {word}" for word, name in zip(words, bundles.NAMED * 100, strict=True)])
    made = []
    for size in (1, 20):  # the first is one draw and nothing else, so no draw of the second is left out
        batch = house.local.post("/v1/batches", json={"by": "ada", "size": size}).json()["id"]
        items = house.worker.state.store().batches.get(batch).items
        rows = [{"key": item.key, "label": (item.text or "").split()[0]} for item in items]
        assert house.local.post(f"/v1/batches/{batch}/labels", json={"labels": rows}).status_code == 200
        made.append(batch)
        house.clock.advance(1.0)
    return house, made


def asked(house: House, **params: Any) -> dict[str, Any]:
    """Return the reply to a query."""
    answer = house.remote.get("/v1/estimates", params=params)
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


def test_two_batches_of_the_same_traffic_are_one_sample_of_it(labelled: tuple[House, list[str]]) -> None:
    """The store counted how much arrived; all the draws stand for just that, and not for twice as much."""
    house, made = labelled
    found = asked(house)
    assert (found["model"], found["mode"], found["since"]) == ("tiny@1", "mixed", None)
    assert [(each["batch"], each["unused"]) for each in found["batches"]] == [(one, None) for one in made]
    explored = found["explored"]
    assert explored["drawn"] == explored["labelled"] == explored["labels_used"] == 3
    assert explored["occurrences"] == 300
    assert found["recall_takes"] == {"labels": 150, "more": 147}
    assert sum(each["prevalence"]["estimate"] for each in found["classes"]) == pytest.approx(1.0)
    assert all(each["flags"]["recall"] is None for each in found["classes"])


def test_one_batch_or_those_since_a_time(labelled: tuple[House, list[str]]) -> None:
    """A batch alone stands for the traffic that was not drawn before it; older ones are named, and why."""
    house, made = labelled
    alone = asked(house, batch=made[1])
    assert [each["batch"] for each in alone["batches"]] == [made[1]]
    assert alone["explored"]["occurrences"] == 299
    later = asked(house, since=int(house.clock.now()) + 1)
    assert {each["unused"] for each in later["batches"]} == {"before_the_change"}
    assert later["explored"]["labels_used"] == 0


def test_a_version_that_scores_alike_is_estimated_on_the_same_labels(
    labelled: tuple[House, list[str]],
) -> None:
    """A refit has its own thresholds, and the scores of the version before it."""
    house, _ = labelled
    bundles.publish_tiny(house.models, threshold=0.9)
    found = asked(house, model="tiny@2")
    assert {each["unused"] for each in found["batches"]} == {None}


def test_a_version_that_scores_otherwise_has_no_labels_yet(labelled: tuple[House, list[str]]) -> None:
    """What another model thought says nothing of it; it is told so for each batch."""
    house, _ = labelled
    bundles.publish_tiny(house.models, k=3, change=_warmer)
    found = asked(house, model="tiny@2")
    assert {each["unused"] for each in found["batches"]} == {"other_scores"}
    assert found["recall_takes"]["more"] == 150


def _warmer(parts: dict[str, Any]) -> None:
    parts["training"] = {"rows": 1}
    parts["front_end"] = bundles.tiny_front_end(("login", "billing", "shipping"))


@pytest.mark.parametrize(
    ("params", "status", "field"),
    [
        ({"mode": "naive"}, 422, "query.mode"),
        ({"since": "monday"}, 422, "query.since"),
        ({"batch": "nonesuch"}, 404, None),
        ({"model": "tiny@9"}, 404, None),
    ],
    ids=["mode", "since", "batch", "model"],
)
def test_what_does_not_exist_is_named(
    house: House, params: dict[str, str], status: int, field: str | None
) -> None:
    """The field and what is allowed; an unknown batch or version is not an empty reply."""
    answer = house.remote.get("/v1/estimates", params=params)
    assert answer.status_code == status
    assert answer.json().get("field") == field


def test_audits_and_mixed_batches_are_two_answers(labelled: tuple[House, list[str]]) -> None:
    """Asked for audits, the mixed batches are listed as drawn another way."""
    house, _ = labelled
    found = asked(house, mode="audit")
    assert {each["unused"] for each in found["batches"]} == {"other_mode"}
