"""A labeling batch over HTTP: made, pulled in every form, labelled, closed."""

import csv
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from model_store.policy import NO_CLASS_PASSES
from monitoring.detection.finding import Finding
from monitoring.handover import FORMS
from monitoring.store import Alarm
from monitoring.store.alarms import insert_alarm
from service.access import Access, Key
from service.exchange import Call
from service.routes import routes
from tests.support import bundles
from tests.support.house import House


@pytest.fixture
def filled(house: House) -> House:
    """Return a house with traffic to make batches from."""
    house.answer([f"{name} case {at}" for at in range(60) for name in bundles.NAMED])
    return house


def make(house: House, **asked: Any) -> dict[str, Any]:
    """Make a batch by hand and return what the service says of it."""
    answer = house.local.post("/v1/batches", json={"by": "ada", **asked})
    assert answer.status_code == 200, answer.text
    batch: dict[str, Any] = answer.json()
    return batch


def rows(house: House, batch: str) -> list[dict[str, Any]]:
    """Return the items of a batch."""
    content = house.local.get(f"/v1/batches/{batch}/items").text
    return [json.loads(line) for line in content.splitlines()]


def test_a_batch_is_made_once_for_an_idempotency_key(filled: House) -> None:
    """The same key gives the same batch; without keys every request makes another."""
    headers = {"Idempotency-Key": "monday"}
    first, again = (
        filled.local.post("/v1/batches", json={"by": "ada", "size": 6}, headers=headers).json()
        for _ in range(2)
    )
    assert first == again
    assert first["items"] == first["open"] <= 6
    listed = filled.local.get("/v1/batches").json()["batches"]
    assert [(each["id"], each["reason"]) for each in listed] == [(first["id"], "by_hand")]


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"size": 7}, "size"),
        ({"by": "lou"}, "by"),
        ({"watched": ["login"]}, "watched"),
        ({"overlap": 2, "mode": "audit", "watched": ["login"]}, "watched, overlap, mode"),
    ],
)
def test_a_key_stands_for_one_request(filled: House, change: dict[str, Any], differs: str) -> None:
    """Nobody is answered for a batch they did not ask for; the problem names the header and the fields."""
    headers, asked = {"Idempotency-Key": "monday"}, {"by": "ada", "size": 6}
    first = filled.local.post("/v1/batches", json=asked, headers=headers).json()
    other = filled.local.post("/v1/batches", json=asked | change, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "urn:seamark:problem:idempotency-key-reused")
    assert other.json()["detail"].startswith("Idempotency-Key: it stands for another request")
    assert f"batch {first['id']} and differs in {differs};" in other.json()["detail"]
    again = filled.local.post("/v1/batches", json=asked | {"watched": []}, headers=headers)
    assert again.json()["id"] == first["id"]


def test_an_id_sent_twice_is_two_predictions_and_one_item_of_a_batch(house: House) -> None:
    """Also within one request: both are answered and counted, and nobody labels the same key twice."""
    words = ["".join(each) for each in np.random.default_rng(0).choice(list("abcdefghij"), (40, 30))]
    items = [{"text": f"billing {word}", "id": f"id-{at % 20}"} for at, word in enumerate(words)]
    assert house.predict({"items": items}) == 200
    house.answer(["login please"])
    keys = [row["key"] for row in rows(house, make(house)["id"])]
    assert len(set(keys)) == len(keys) > 10
    assert house.worker.state.store().counts.total("tiny@1").sum() == 41


def test_the_items_come_in_three_forms_whose_digests_the_manifest_has(filled: House) -> None:
    """JSON lines, CSV and Label Studio tasks hold the same items; no cache may keep them."""
    batch = make(filled, watched=["login"])["id"]
    manifest = filled.local.get(f"/v1/batches/{batch}/manifest").json()
    keys = []
    for form in ("jsonl", "csv", "label_studio"):
        answer = filled.local.get(f"/v1/batches/{batch}/items", params={"format": form})
        assert answer.headers["cache-control"] == "no-store"
        assert hashlib.sha256(answer.content).hexdigest() == manifest["files"][form]["sha256"]
        if form == "jsonl":
            keys.append([row["key"] for row in rows(filled, batch)])
        elif form == "csv":
            keys.append([row["key"] for row in csv.DictReader(io.StringIO(answer.text))])
        else:
            keys.append([task["data"]["item_id"] for task in answer.json()])
    assert keys[0] == keys[1] == keys[2]
    config = filled.local.get(f"/v1/batches/{batch}/labeling-config")
    assert config.headers["content-type"].startswith("application/xml")
    assert "login" in config.text


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_a_file_of_its_own_name_and_type(filled: House, form: str) -> None:
    """The items, and the settings where the tool takes them, as the manifest vouches for them."""
    batch = make(filled, size=6)["id"]
    files = filled.local.get(f"/v1/batches/{batch}/manifest").json()["files"]
    wanted = [(FORMS[form].items, "items?format=", form)]
    if FORMS[form].settings is not None:
        name = "labeling_config" if form == "label_studio" else f"{form}_settings"
        wanted.append((FORMS[form].settings, "labeling-config?tool=", name))
    for file, path, name in wanted:
        answer = filled.local.get(f"/v1/batches/{batch}/{path}{form}")
        assert answer.headers["content-type"] == file.media_type
        assert answer.headers["content-disposition"] == f'attachment; filename="{batch}.{file.ending}"'
        assert hashlib.sha256(answer.content).hexdigest() == files[name]["sha256"]


@pytest.mark.parametrize(
    ("path", "field", "allowed"),
    [
        ("items?format=xlsx", "query.format", "jsonl, csv, parquet"),
        ("labeling-config?tool=csv", "query.tool", "label_studio, argilla, prodigy, doccano"),
    ],
)
def test_an_unknown_form_lists_those_there_are(filled: House, path: str, field: str, allowed: str) -> None:
    """The problem names the parameter."""
    answer = filled.local.get(f"/v1/batches/{make(filled, size=6)['id']}/{path}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert allowed in answer.json()["allowed"]


def test_a_file_is_signed_by_its_labeler_and_belongs_to_its_batch(filled: House) -> None:
    """`?annotator=` counts for rows without one; a file of another batch stores nothing."""
    batch = make(filled, size=6)["id"]
    path, key = f"/v1/batches/{batch}/labels", rows(filled, batch)[0]["key"]
    row = {"key": key, "label": "login"}
    filled.local.post(f"{path}?annotator=kim", json={"labels": [row]})
    (said,) = filled.worker.state.store().labels.of(batch)[key]
    assert said.annotator == "kim"
    other = filled.local.post(path, json={"labels": [{**row, "batch": "elsewhere"}]})
    assert other.status_code == 422
    assert "labels of batch 'elsewhere'" in other.json()["detail"]


def test_labels_count_once_and_bad_rows_say_why(filled: House) -> None:
    """Accepted, repeated, rejected; the batch shows the progress and closes with the last label."""
    batch = make(filled, size=6)["id"]
    items = rows(filled, batch)
    labels = [{"key": row["key"], "label": "login", "annotation_id": "1"} for row in items]
    path = f"/v1/batches/{batch}/labels"
    bad = {"key": items[0]["key"], "label": "no such class"}
    assert filled.local.post(path, json={"labels": [labels[0], bad]}).json()["accepted"] == 1
    receipt = filled.local.post(path, json={"labels": labels}).json()
    assert (receipt["accepted"], receipt["repeated"]) == (len(items) - 1, 1)
    rejected = filled.local.post(path, json={"labels": [bad]}).json()["rejected"]
    assert (rejected[0]["row"], "unknown label" in rejected[0]["reason"]) == (0, True)
    state = filled.local.get(f"/v1/batches/{batch}").json()
    assert (state["state"], state["labelled"]) == ("closed", len(items))
    counted = [
        filled.registry.get_sample_value("seamark_labels_total", {"outcome": outcome})
        for outcome in ("accepted", "repeated", "rejected")
    ]
    assert counted == [len(items), 1, 2]


def test_a_csv_comes_back_as_it_was_pulled(filled: House) -> None:
    """The table with its label column filled in is a body of labels."""
    batch = make(filled, size=6)["id"]
    table = list(csv.DictReader(io.StringIO(filled.local.get(f"/v1/batches/{batch}/items?format=csv").text)))
    out = io.StringIO()
    writer = csv.DictWriter(out, table[0].keys())
    writer.writeheader()
    writer.writerows({**row, "label": "none_of_these"} for row in table)
    answer = filled.local.post(
        f"/v1/batches/{batch}/labels", content=out.getvalue(), headers={"Content-Type": "text/csv"}
    )
    assert answer.json()["accepted"] == len(table)


def test_a_batch_nobody_finishes_can_be_closed(filled: House) -> None:
    """What was not labelled is skipped, and the batch makes room for another."""
    batch = make(filled, size=6)
    closed = filled.local.post(f"/v1/batches/{batch['id']}/close", json={"by": "ada"}).json()
    assert (closed["state"], closed["skipped"]) == ("closed", batch["items"])


def test_who_closed_a_batch_is_told_where_one_looks(house: House) -> None:
    """With the batch, in the list and in the history; a batch that was labelled to its end names nobody."""
    words = np.random.default_rng(0).choice(list("abcdefghij"), (40, 30))
    house.answer([f"login {''.join(each)}" for each in words])
    by_hand, done = (make(house, size=4, why=f"wave {wave}")["id"] for wave in range(2))
    house.clock.advance(60)
    for who in ("ada", "lou"):  # the second changes nothing
        house.local.post(f"/v1/batches/{by_hand}/close", json={"by": who, "why": f"{who} is done"})
    labels = [{"key": row["key"], "label": "login"} for row in rows(house, done)]
    house.local.post(f"/v1/batches/{done}/labels", json={"labels": labels})
    expected = {by_hand: (house.clock.now(), "ada"), done: (house.clock.now(), None)}
    listed = house.local.get("/v1/batches").json()["batches"]
    assert {each["id"]: (each["closed_at"], each["closed_by"]) for each in listed} == expected
    for batch, told in expected.items():
        detail = house.local.get(f"/v1/batches/{batch}").json()
        assert (detail["closed_at"], detail["closed_by"]) == told
    history = house.local.get("/v1/models/history").json()["steps"]
    closed = [each for each in history if each["step"] == "close"]
    assert [(each["who"], each["why"], each["at"], each["details"]) for each in closed] == [
        ("ada", "ada is done", house.clock.now(), {"batch": by_hand})
    ]
    made = {
        each["details"]["batch"]: (each["who"], each["why"]) for each in history if each["step"] == "batch"
    }
    assert made == {by_hand: ("ada", "wave 0"), done: ("ada", "wave 1")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/batches/none", 404),
        ("GET", "/v1/batches/none/items", 404),
        ("GET", "/v1/batches/none/items?format=pdf", 422),
        ("GET", "/v1/batches/none/manifest", 404),
        ("GET", "/v1/batches/none/labeling-config", 404),
    ],
)
def test_unknown_batches_and_forms_are_problems(house: House, method: str, path: str, status: int) -> None:
    """404 for an unknown batch, 422 for an unknown form."""
    answer = house.local.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"[", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b'{"labels": []}', "application/json", 404),
        (b" " * 5_000_000, "application/json", 413),
    ],
    ids=["not JSON", "not UTF-8", "a form", "no such batch", "too large"],
)
def test_bodies_of_labels_are_limited(house: House, content: bytes, content_type: str, status: int) -> None:
    """A web page's form cannot post labels, nor can a body beyond the limit."""
    answer = house.local.post(
        "/v1/batches/none/labels", content=content, headers={"Content-Type": content_type}
    )
    assert answer.status_code == status


def test_without_keys_other_hosts_neither_write_nor_read_items(filled: House) -> None:
    """403 says how to configure keys; what holds no item stays readable."""
    batch = make(filled, size=6)["id"]
    refused = [
        filled.remote.get(f"/v1/batches/{batch}/items"),
        filled.remote.post(f"/v1/batches/{batch}/labels", json={"labels": []}),
        filled.remote.post("/v1/batches", json={"by": "eve"}),
        filled.remote.post("/v1/drift/baseline", json={"by": "eve"}),
        filled.remote.post("/v1/models/1/promote", json={"who": "eve", "why": "x"}),
        filled.remote.post("/v1/models/rollback", json={"who": "eve", "why": "x"}),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert all("SEAMARK_KEYS_FILE" in answer.json()["detail"] for answer in refused)
    assert filled.remote.get("/v1/batches").status_code == 200


def test_with_keys_the_scope_decides(filled: House) -> None:
    """A label key reads and labels batches from anywhere, and promotes nothing."""
    secrets = {"label": "l", "operate": "o", "predict": "p"}
    filled.worker.access = Access(
        [Key(scope, hashlib.sha256(secret.encode()).hexdigest()) for scope, secret in secrets.items()]  # type: ignore[arg-type]
    )

    def status(scope: str | None, path: str) -> int:
        headers = {"Authorization": f"Bearer {secrets[scope]}"} if scope else {}
        return filled.remote.get(path, headers=headers).status_code

    assert [status(scope, "/v1/batches") for scope in ("label", "operate", "predict", None)] == [
        200,
        200,
        403,
        401,
    ]
    assert [status(scope, "/v1/models") for scope in ("label", "operate", "predict", None)] == [
        403,
        200,
        403,
        401,
    ]


def test_every_route_refuses_when_the_state_is_away(open_house: Callable[..., House]) -> None:
    """503 with Retry-After, and predict answers all the same."""
    house = open_house()
    house.worker.state.close()
    directory = house.settings.state
    for path in directory.iterdir():
        if path.is_file():
            path.unlink()
    (directory / "seamark.sqlite3").mkdir()
    answer = house.local.get("/v1/batches")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert house.predict({"items": [{"text": "billing"}]}) == 200


def test_an_unexpected_failure_shows_and_logs_no_content(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A route that breaks is a 500 problem; its log line has the place and not the message."""

    def broken() -> None:
        raise RuntimeError("what a customer wrote")

    monkeypatch.setattr(house.worker.state, "store", broken)
    answer = house.local.get("/v1/batches")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:seamark:problem:unexpected")
    assert "what a customer wrote" not in answer.text + caplog.text
    assert "RuntimeError at" in caplog.text


def test_every_route_has_a_scope(house: House) -> None:
    """Nothing under /v1 answers without a key once keys are configured."""
    house.worker.access = Access([Key("predict", "0" * 64)])
    for each in routes(house.seat):
        path = each.path.replace("{batch}", "b").replace("{version}", "1")  # type: ignore[attr-defined]
        method = next(iter(each.methods - {"HEAD"}))  # type: ignore[attr-defined]
        assert house.local.request(method, path).status_code == 401


def test_numbers_of_a_query_have_a_range(house: House) -> None:
    """A number is digits within its bounds; Unicode digits are none."""
    call = Call(house.worker, {}, {"limit": "٣"}, b"")
    with pytest.raises(Exception, match="whole number from 1 to 9"):
        call.whole_number("limit", default=1, low=1, high=9)


def test_rows_of_a_table_go_out_readably_and_come_back(open_house: Callable[..., House]) -> None:
    """From predict to a batch whose rows differ by a number, and to their labels."""
    house = open_house(kind="features")
    items = [
        {"features": bundles.tiny_item(name, amount=float(at)), "source": "email"}
        for at in range(60)
        for name in bundles.NAMED
    ]
    house.answer_items(items)
    assert house.worker.state.store().counts.total("tiny@1").sum() == 180
    batch = make(house)
    # An occurrence that is drawn at random and chosen by score too goes out once.
    assert 17 <= batch["items"] <= 20
    assert (batch["manifest"]["task"], batch["manifest"]["input_kind"]) == ("multiclass", "features")
    pulled = rows(house, batch["id"])
    sent = [item["features"] for item in items]
    assert all(row["features"] in sent for row in pulled)
    tasks = house.local.get(f"/v1/batches/{batch['id']}/items?format=label_studio").json()
    first = pulled[0]["features"]
    assert tasks[0]["data"]["text"] == f"amount: {first['amount']}\ntopic: {first['topic']}\nurgent: false"
    sheet = list(
        csv.DictReader(io.StringIO(house.local.get(f"/v1/batches/{batch['id']}/items?format=csv").text))
    )
    assert (float(sheet[0]["amount"]), sheet[0]["topic"]) == (first["amount"], first["topic"])
    labels = [{"key": row["key"], "label": row["features"]["topic"]} for row in pulled]
    receipt = house.local.post(f"/v1/batches/{batch['id']}/labels", json={"labels": labels}).json()
    assert (receipt["accepted"], receipt["rejected"]) == (batch["items"], [])
    # A row that was labelled is known again, however its numbers are written; one that is new is not.
    house.clock.advance(1)
    again = [{"features": each, "source": "chat", "id": f"again {at}"} for at, each in enumerate(sent)]
    house.answer_items(again)
    taken = [row["features"] for row in pulled]
    assert not [row for row in rows(house, make(house)["id"]) if row["features"] in taken]


def test_several_labels_go_out_and_come_back(open_house: Callable[..., House]) -> None:
    """Predicted as a list, chosen as several in Label Studio, settled label by label, counted per item."""
    house = open_house(kind="multilabel")
    words = ["".join(each) for each in np.random.default_rng(0).choice(list("abcdefghij"), (60, 40))]
    said = ["billing", "login", "billing login", "nothing known"]
    house.answer([f"{said[at % 4]} {word}" for at, word in enumerate(words)])
    counts = house.worker.state.store().counts.total("tiny@1")
    assert (counts.sum(), counts[:, NO_CLASS_PASSES].sum()) == (60, 15)
    batch = make(house, watched=["login"])
    path = f"/v1/batches/{batch['id']}"
    pulled = rows(house, batch["id"])
    for row in pulled:
        assert row["predicted"] == [name for name in bundles.NAMED if name in row["text"]]
    assert 'choice="multiple"' in house.local.get(f"{path}/labeling-config").text
    tasks = house.local.get(f"{path}/items?format=label_studio").json()
    for number, task in enumerate(tasks):
        chosen = [name for name in bundles.NAMED if name in task["data"]["text"]] or ["none_of_these"]
        value = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": chosen}}
        task["annotations"] = [{"id": number, "completed_by": 1, "updated_at": "now", "result": [value]}]
    for accepted, repeated in ((len(tasks), 0), (0, len(tasks))):
        receipt = house.local.post(f"{path}/labels", json=tasks).json()
        assert (receipt["accepted"], receipt["repeated"], receipt["rejected"]) == (accepted, repeated, [])
    state = house.local.get(path).json()
    assert (state["state"], state["labelled"]) == ("closed", len(pulled))
    stored = {item.key: item.label for item in house.worker.state.store().batches.get(batch["id"]).items}
    assert stored == {
        row["key"]: tuple(name for name in bundles.NAMED if name in row["text"]) for row in pulled
    }


def test_a_set_of_labels_that_contradicts_itself_is_named(open_house: Callable[..., House]) -> None:
    """Row by row as ever: an unknown name, none_of_these beside another; a cell and a list are taken."""
    house = open_house(kind="multilabel")
    house.answer(["billing one", "login two", "delivery three and four", "something else altogether"])
    batch = make(house)["id"]
    keys = [row["key"] for row in rows(house, batch)]
    posted = [
        {"key": keys[0], "label": "billing|login"},
        {"key": keys[1], "label": ["billing", "none_of_these"]},
        {"key": keys[2], "label": ["spam"]},
        {"key": keys[3], "labels": []},
    ]
    receipt = house.local.post(f"/v1/batches/{batch}/labels", json={"labels": posted}).json()
    assert receipt["accepted"] == 2
    assert [row["row"] for row in receipt["rejected"]] == [1, 2]
    assert "none_of_these beside another label" in receipt["rejected"][0]["reason"]


def test_a_draw_of_an_item_that_has_a_label_is_not_asked_about_again(
    open_house: Callable[..., House],
) -> None:
    """Sent again, it counts as drawn with the label it has: the sample is whole, and no label trains too."""
    house = open_house(batch_size=100)
    rng = np.random.default_rng(0)
    words = ["".join(each) for each in rng.choice(list("abcdefghij"), (60, 40))]
    old = [{"text": f"{bundles.NAMED[at % 3]} {word}", "id": f"t-{at}"} for at, word in enumerate(words[:40])]
    house.answer_items(old)
    first = make(house)
    asked = rows(house, first["id"])
    labels = [{"key": row["key"], "label": row["text"].split()[0]} for row in asked]
    house.local.post(f"/v1/batches/{first['id']}/labels", json={"labels": labels})
    house.clock.advance(1_200)
    house.settle()
    new = [{"text": f"login {word}", "id": f"n-{at}"} for at, word in enumerate(words[40:])]
    house.answer_items([*old, *new])

    second = make(house, explore=15)
    taken = second["manifest"]["draws_taken"]
    carried = [each for each in taken if each["carried"]]
    assert len(carried) == len(taken) > 5
    assert second["manifest"]["complete_sample"] is True
    assert second["items"] + len(carried) == 15
    assert second["notes"][0].startswith(f"{len(carried)} draws are items of other batches")
    labels = [{"key": row["key"], "label": row["text"].split()[0]} for row in rows(house, second["id"])]
    house.local.post(f"/v1/batches/{second['id']}/labels", json={"labels": labels})

    (line,) = [
        each
        for each in house.local.get("/v1/proposals/basis").json()["batches"]
        if each["batch"] == second["id"]
    ]
    assert (line["whole"], line["explored"], line["labelled"]) == (True, 15, 15)
    file = [json.loads(each) for each in house.local.get("/v1/labels").text.splitlines()]
    mine = [row for row in file if row["batch"] == second["id"]]
    assert len(mine) == 15
    assert {row["stratum"] for row in mine} == {"exploration"}
    assert len({row["weight"] for row in mine}) == 1
    trains = {row["key"] for row in file if row["stratum"] == "certainty"}
    assert trains
    assert not trains & {row["key"] for row in mine}
    estimated = house.local.get("/v1/estimates").json()
    (used,) = [each for each in estimated["batches"] if each["batch"] == second["id"]]
    assert (used["drawn"], used["labelled"], used["left_out"]) == (15, 15, 0)


@pytest.mark.parametrize("moves", [False, True], ids=["calm", "moved"])
def test_fewer_draws_than_asked_for_say_of_what_time(filled: House, moves: bool) -> None:
    """Of the last day, or since the traffic moved within it."""
    if moves:
        at = filled.clock.now()
        finding, epoch = Finding(at, 640, 640, 4, 20.0, 16.0, (), ("login",)), int(at // 600)
        with filled.worker.state.store()._database.write(durable=False) as connection:
            insert_alarm(connection, Alarm("a", "tiny@1", 1, at, epoch, epoch, finding, batch_note="none"))
        filled.clock.advance(1_200)
        filled.settle()
        filled.answer([f"{name} later {at}" for at in range(60) for name in bundles.NAMED])
    note = make(filled, explore=400)["notes"][0]
    words = "since the traffic moved at 2023-11-14 22:13 UTC" if moves else "of the last day"
    assert note.startswith("400 explored items were asked for: no more than ")
    assert note.endswith(f" can be drawn {words} so far, and more traffic gives more")


def test_fewer_draws_for_want_of_labels_say_how_many_are_left(open_house: Callable[..., House]) -> None:
    """Only the limit that applied is named, with the setting that moves it."""
    house = open_house(labels_per_day=20)
    for _ in range(5):
        house.answer([f"{name} case {at}" for at in range(60) for name in bundles.NAMED])
        house.clock.advance(600)
    made = make(house, explore=400)
    assert made["notes"][0].startswith(
        "400 explored items were asked for: the labels left of today's 20 (SEAMARK_LABELS_PER_DAY) do for 20"
    )


def test_a_batch_that_has_few_to_choose_from_says_what_it_left(filled: House) -> None:
    """Every reason that is counted, and how many candidates there were: all are in it or among the others."""
    made = make(filled, size=20)
    (note,) = made["notes"]
    items, given, left_out = (
        made["items"],
        made["manifest"]["candidates"]["given"],
        made["manifest"]["left_out"],
    )
    reasons = {
        "near_duplicates": "are nearly the same as another",
        "already_taken": "are like one drawn at random, or were known or handed out before",
    }
    counted = [words for reason, words in reasons.items() if left_out[reason]]
    *others, last = ["are one of them again", "are held for random draws only", *counted]
    assert counted
    assert note == (
        f"the batch has {items} items and not 20: {items} of the {given} candidates in its traffic are in "
        f"it, the others {', '.join(others)}, or {last}"
    )


def test_each_source_has_a_draw_however_small_the_batch(filled: House) -> None:
    """A sample of the traffic leaves none out, so there may be more items than were asked for, and a note."""
    for number in range(3):
        name = f"s{number}"
        filled.answer_items([{"text": f"billing of {name}", "id": name, "source": name}])
    filled.settle()
    made = make(filled, size=1)
    assert made["items"] > 1
    assert made["notes"][-1] == (
        f"the batch has {made['items']} items and not 1: each source has a draw of its own"
    )


@pytest.mark.parametrize("beside", [{"explore": 5}, {"for_proposal": "p"}], ids=["explore", "proposal"])
def test_a_size_beside_what_says_how_many_is_refused(filled: House, beside: dict[str, Any]) -> None:
    """It would be passed over in silence."""
    answer = filled.local.post("/v1/batches", json={"by": "ada", "size": 3, **beside})
    assert (answer.status_code, answer.json()["field"]) == (422, "$.size")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"mode": "audit"}, "$.watched"),
        ({"mode": "audit", "watched": ["login"], "explore": 5}, "$.mode"),
        ({"mode": "blind"}, "$.mode"),
    ],
)
def test_an_audit_says_what_it_is_about(filled: House, asked: dict[str, Any], field: str) -> None:
    """One class or several, and nothing that a claim could rest on."""
    answer = filled.local.post("/v1/batches", json={"by": "ada", **asked})
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_an_audit_estimates_and_proves_nothing(filled: House) -> None:
    """It is estimated apart from other batches, and in a file its rows are partial."""
    batch = make(filled, mode="audit", watched=["login"], size=12)
    assert (batch["manifest"]["mode"], batch["manifest"]["complete_sample"]) == ("audit", False)
    labels = [{"key": row["key"], "label": row["text"].split()[0]} for row in rows(filled, batch["id"])]
    filled.local.post(f"/v1/batches/{batch['id']}/labels", json={"labels": labels})
    file = [json.loads(each) for each in filled.local.get("/v1/labels").text.splitlines()]
    assert {row["stratum"] for row in file} == {"exploration-partial"}
    for mode, unused in (("mixed", "other_mode"), ("audit", None)):
        (line,) = filled.local.get(f"/v1/estimates?mode={mode}").json()["batches"]
        assert (line["batch"], line["unused"]) == (batch["id"], unused)
