"""Labels over HTTP: of leases and of several people, their disagreements, and the file they come to."""

import asyncio
import csv
import io
import json
import shutil
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
    """Return a batch that asks two people for each of at most six items."""
    house.answer(traffic())
    made = house.local.post("/v1/batches", json={"by": "ada", "size": 6, "overlap": 2}).json()
    assert (made["overlap"], made["items"] > 3) == (2, True)
    return str(made["id"])


def send(house: House, batch: str, *rows: dict[str, Any]) -> dict[str, Any]:
    """Post rows of labels and return the receipt."""
    answer = house.local.post(f"/v1/batches/{batch}/labels", json={"labels": rows})
    assert answer.status_code == 200, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def keys(house: House, batch: str) -> list[str]:
    """Return the keys of a batch's items."""
    lines = house.local.get(f"/v1/batches/{batch}/items").text.splitlines()
    return [json.loads(line)["key"] for line in lines]


def both(key: str, ann: str, bo: str) -> list[dict[str, Any]]:
    """Return what two people say of an item."""
    return [{"key": key, "label": ann, "annotator": "ann"}, {"key": key, "label": bo, "annotator": "bo"}]


def test_two_people_label_what_each_leased(house: House, batch: str) -> None:
    """Unnamed rows are from the holders; the receipt notes what came after the lease."""
    leases = [
        house.local.post(f"/v1/batches/{batch}/lease", json={"who": who, "minutes": 1}).json()
        for who in ("ann", "bo")
    ]
    assert leases[0]["items"] == leases[1]["items"]
    ann, bo = (
        [{"key": item["key"], "label": "login", "lease": each["lease"]} for item in each["items"]]
        for each in leases
    )
    n = len(ann)
    assert send(house, batch, *ann)["accepted"] == n
    assert house.local.get(f"/v1/batches/{batch}").json()["open"] == n
    house.clock.advance(60)
    receipt = send(house, batch, *bo)
    assert receipt["accepted"] == n
    assert receipt["notes"][3] == {
        "row": 3,
        "code": "lease_over",
        "note": "the lease is over; the label counts all the same",
    }
    done = house.local.get(f"/v1/batches/{batch}").json()
    assert (done["state"], done["labelled"]) == ("closed", n)
    assert done["agreement"]["classes"] == [
        {"class": "login", "given": 2 * n, "agreement": 1.0, "alpha": None}
    ]


def test_an_unknown_lease_or_label_is_a_bad_row_alone(house: House, batch: str) -> None:
    """Its reason lists what is allowed; the other rows go in."""
    first, second, third, *_ = keys(house, batch)
    receipt = send(
        house,
        batch,
        {"key": first, "label": "login", "lease": "made up"},
        {"key": second, "label": "spam", "annotator": "ann"},
        {"key": third, "label": "login", "annotator": "ann"},
        {"key": third, "label": "login", "adjudicated": True},
    )
    reasons = [row["reason"] for row in receipt["rejected"]]
    assert receipt["accepted"] == 1
    assert "unknown lease" in reasons[0]
    assert "allowed are billing, delivery, login, none_of_these" in reasons[1]
    assert "names who decided" in reasons[2]


def test_disagreements_are_listed_until_somebody_decides(house: House, batch: str) -> None:
    """With the words of each, nothing of the model's choice, and how far people agree by class."""
    first, second, *_ = keys(house, batch)
    send(house, batch, *both(first, "login", "billing"), *both(second, "login", "login"))
    found = house.local.get(f"/v1/batches/{batch}/disagreements")
    assert found.headers["cache-control"] == "no-store"
    (item,) = found.json()["items"]
    assert item["key"] == first
    assert (item["label"], item["labels"]) == (
        "billing",
        [
            {"annotator": "ann", "label": "login", "skipped": False},
            {"annotator": "bo", "label": "billing", "skipped": False},
        ],
    )
    assert not {"slice", "stratum", "predicted", "probabilities"} & set(item)
    agreement = found.json()["agreement"]
    assert (agreement["items"], agreement["equal"]) == (2, 1)
    assert [(each["class"], each["agreement"]) for each in agreement["classes"]] == [
        ("billing", 0.0),
        ("login", pytest.approx(2 / 3)),
    ]
    decided = {"key": first, "label": "login", "annotator": "cy", "adjudicated": True}
    assert send(house, batch, decided)["accepted"] == 1
    assert send(house, batch, decided)["repeated"] == 1
    after = house.local.get(f"/v1/batches/{batch}/disagreements").json()
    assert (after["items"], after["agreement"]) == ([], agreement)


def test_all_settled_labels_are_one_file(house: House, batch: str) -> None:
    """Both forms, by model and by batch; what waits for a second word is not in it yet."""
    first, second, third, *_ = keys(house, batch)
    send(house, batch, *both(first, "login", "login"), *both(second, "none_of_these", "login"))
    send(house, batch, {"key": third, "label": "login", "annotator": "ann"})
    found = house.local.get("/v1/labels")
    assert found.headers["cache-control"] == "no-store"
    lines = [json.loads(line) for line in found.text.splitlines()]
    assert {(row["key"], row["label"], row["annotators"], row["agreed"]) for row in lines} == {
        (first, "login", 2, True),
        (second, "login", 2, False),
    }
    path = f"/v1/labels?format=csv&model=tiny@1&batch={batch}"
    sheet = list(csv.DictReader(io.StringIO(house.local.get(path).text)))
    assert [row["key"] for row in sheet] == [row["key"] for row in lines]
    bundles.publish_tiny(house.models, promote=False)
    assert house.local.get("/v1/labels?model=tiny@2").text == ""
    assert house.local.get("/v1/labels?batch=none").status_code == 404
    assert house.local.get("/v1/labels?format=parquet").status_code == 422
    assert house.remote.get("/v1/labels").status_code == 403


@pytest.mark.parametrize(
    ("asked", "status", "kind"),
    [
        ("model=tiny@1", 200, ""),
        ("model=nosuch", 404, "unknown-version"),
        ("model=tiny", 404, "unknown-version"),
        ("model=tiny@9", 404, "unknown-version"),
        ("batch=nosuch", 404, "unknown-batch"),
    ],
)
def test_no_file_is_empty_for_a_misspelt_name(house: House, asked: str, status: int, kind: str) -> None:
    """What exists and has no labels yet gives one; else the problem names what there is."""
    answer = house.local.get(f"/v1/labels?{asked}")
    assert answer.status_code == status
    assert answer.content == b"" if not kind else answer.json()["type"].endswith(f":{kind}")


def test_labels_of_a_version_whose_bundle_is_gone_stay(house: House, batch: str) -> None:
    """Its batches tell that it was there."""
    send(house, batch, {"key": keys(house, batch)[0], "label": "login", "annotator": "ann"})
    bundles.publish_tiny(house.models)
    asyncio.run(house.worker.poll())
    shutil.rmtree(house.models.path_of("tiny@1"))
    assert house.local.get("/v1/labels?model=tiny@1").status_code == 200


def test_a_smaller_batch_says_so(house: House) -> None:
    """Fewer items than asked for, by the server's limit or for want of traffic, is no silent matter."""
    house.answer(["billing of last month", "login does not work"])
    made = house.local.post("/v1/batches", json={"by": "ada", "size": 1_000}).json()
    assert made["notes"] == [
        "1000 items were asked for; SEAMARK_BATCH_SIZE allows 20",
        "the batch has 2 items and not 20: its traffic has no more",
    ]
    assert house.local.get(f"/v1/batches/{made['id']}").json()["notes"] == made["notes"][1:]


def test_a_web_page_is_no_labels(house: House, batch: str) -> None:
    """A saved login page is refused in words that say what it is."""
    page = b"<!DOCTYPE html><html><body>Sign in</body></html>"
    answer = house.local.post(
        f"/v1/batches/{batch}/labels", content=page, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert "a web page (HTML)" in answer.json()["detail"]
