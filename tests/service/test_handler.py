"""The handler answers what the contract says, whatever the bytes."""

import asyncio
import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.graphs.text import TextFrontEnd
from model_store.model import Model
from model_store.store import ModelStore
from service.access import Access, Key
from service.handler import is_json
from service.pending import ENOUGH_ITEMS
from service.schema import MAX_ITEMS, MAX_TEXT_BYTES
from tests.support import bundles
from tests.support.desk import Desk, current_of

CANARY = "xyzzy-canary-71f0"
OPEN_DESK = Callable[..., Desk]


def items(*texts: str) -> dict[str, object]:
    """Return a request body of these texts."""
    return {"items": [{"text": text} for text in texts]}


def test_reply_names_the_version_and_decides_every_item_in_order(desk: Desk) -> None:
    """One prediction an item, in order: accepted, ambiguous and passed by no class."""
    body = {
        "items": [
            {"text": "a billing question", "id": "a"},
            {"text": "billing or login", "source": "email"},
            {"text": bundles.UNKNOWN_TEXT, "time": "2026-01-31T10:00:00Z"},
        ]
    }
    status, reply = desk.ask(body)
    assert status == 200
    assert reply["model"] == {"name": "tiny", "version": "1"}
    accepted, ambiguous, nothing = reply["predictions"]
    assert (accepted["id"], accepted["label"], accepted["review"]) == ("a", "billing", None)
    assert accepted["flags"] == [{**accepted["top"], "claim": "empirical"}]
    assert ambiguous["review"] == "ambiguous"
    assert {flag["class"] for flag in ambiguous["flags"]} == {"billing", "login"}
    assert (nothing["label"], nothing["flags"], nothing["review"]) == (None, [], "no_class_passes")


def test_probabilities_come_only_when_asked_for(desk: Desk) -> None:
    """`?probabilities=true` adds the calibrated vector by class; false and nothing leave it out."""
    _, with_vector = desk.ask(items("billing"), query=b"probabilities=true")
    vector = with_vector["predictions"][0]["probabilities"]
    assert list(vector) == list(bundles.NAMED)
    assert sum(vector.values()) == pytest.approx(1, abs=1e-5)
    for query in (b"", b"probabilities=false"):
        _, without = desk.ask(items("billing"), query=query)
        assert "probabilities" not in without["predictions"][0]


@pytest.mark.parametrize(
    ("body", "status", "kind", "field"),
    [
        pytest.param(b"", 400, "not-json", None, id="empty"),
        pytest.param(b"{", 400, "not-json", None, id="cut off"),
        pytest.param(b'{"items": [{"text": NaN}]}', 400, "not-json", None, id="NaN"),
        pytest.param(b'{"items": [{"text": "\xff"}]}', 400, "not-json", None, id="not UTF-8"),
        pytest.param(rb'{"items": [{"text": "\ud800"}]}', 400, "not-json", None, id="half a surrogate"),
        pytest.param(b"[1]", 422, "field-invalid", "$", id="not an object"),
        pytest.param({}, 422, "field-invalid", "$.items", id="no items"),
        pytest.param({"items": []}, 422, "field-invalid", "$.items", id="no item"),
        pytest.param(items(*["a"] * 257), 422, "field-invalid", "$.items", id="257 items"),
        pytest.param(items(""), 422, "field-invalid", "$.items[0].text", id="empty text"),
        pytest.param({"items": [{"text": 1}]}, 422, "field-invalid", "$.items[0].text", id="a number"),
        pytest.param({"items": [{"id": "a"}]}, 422, "field-invalid", "$.items[0].text", id="no text"),
        pytest.param(
            {"items": [{"text": "a"}, {"features": {"x": 1.0}}]},
            422,
            "field-invalid",
            "$.items[1].features",
            id="features for a bundle of texts",
        ),
        pytest.param(
            {"items": [{"text": "a", "id": "b" * 129}]}, 422, "field-invalid", "$.items[0].id", id="long id"
        ),
        pytest.param(
            {"items": [{"text": "a", "time": "2026-01-31T10:00:00"}]},
            422,
            "field-invalid",
            "$.items[0].time",
            id="time without zone",
        ),
        pytest.param(
            {"items": [{"text": "a", CANARY: 1}]}, 422, "field-invalid", "$.items[0]", id="unknown field"
        ),
        pytest.param({"items": [], CANARY: 1}, 422, "field-invalid", "$.items", id="two mistakes"),
        pytest.param(
            {f"x - at `$.{CANARY}": 1}, 422, "field-invalid", "$", id="a field that imitates a message"
        ),
    ],
)
def test_a_body_that_breaks_a_limit_is_refused_with_the_field(
    desk: Desk, body: bytes | object, status: int, kind: str, field: str | None
) -> None:
    """The problem names the field and what is allowed, and repeats nothing of the content."""
    answered, problem = desk.ask(body)
    assert answered == status
    assert problem["type"] == f"urn:seamark:problem:{kind}"
    assert problem.get("field") == field
    assert CANARY not in json.dumps(problem)
    assert desk.tally.outcomes["invalid"] == 1


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_an_empty_body_is_called_empty(desk: Desk, body: bytes) -> None:
    """Nothing is said of escapes where there is nothing."""
    assert desk.ask(body)[1]["detail"] == "the body is not JSON in UTF-8: it is empty"


@pytest.mark.parametrize("text", [rb"\ud800", rb"\ud800x", rb"\ud800 and more", rb"\ud800\u0041", rb"\udc00"])
def test_half_a_surrogate_is_called_what_it_is(desk: Desk, text: bytes) -> None:
    """Wherever the escape stands the detail leads to it: "truncated" alone misleads, the body is whole."""
    _, problem = desk.ask(b'{"items": [{"text": "' + text + b'"}]}')
    assert "surrogate" in problem["detail"] or "escape like \\ud800" in problem["detail"]


def test_limits_are_inclusive(open_desk: OPEN_DESK) -> None:
    """256 items pass, and 32 KiB of text pass; one byte of UTF-8 more does not."""
    desk = open_desk(max_body_bytes=2**20)
    assert desk.ask(items(*["billing"] * MAX_ITEMS))[0] == 200
    assert desk.ask(items("é" * (MAX_TEXT_BYTES // 2)))[0] == 200
    status, problem = desk.ask(items("é" * (MAX_TEXT_BYTES // 2) + "a"))
    assert (status, problem["field"]) == (422, "$.items[0].text")
    assert desk.ask(items("a" * (MAX_TEXT_BYTES + 1)))[0] == 422


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "counted"])
def test_a_large_body_is_refused_before_it_is_parsed(open_desk: OPEN_DESK, announced: bool) -> None:
    """413 by Content-Length, and by counting when the length was not told."""
    desk = open_desk(max_body_bytes=100)
    headers = [(b"content-type", b"application/json")]
    if announced:
        headers.append((b"content-length", b"101"))
    status, problem = desk.ask(b"{" * 101, headers=headers, pieces=3)
    assert (status, problem["type"]) == (413, "urn:seamark:problem:body-too-large")
    assert desk.tally.outcomes["too_large"] == 1


def test_a_body_in_pieces_is_put_together(desk: Desk) -> None:
    """However a body is cut into messages, the reply is the same."""
    whole, pieces = desk.ask(items("billing")), desk.ask(items("billing"), pieces=5)
    assert whole == pieces


def test_a_client_that_hangs_up_gets_nothing_and_costs_no_inference(desk: Desk) -> None:
    """A disconnect before the end of the body ends the request without a reply."""

    async def hang_up() -> object:
        async def receive() -> dict[str, str]:
            return {"type": "http.disconnect"}

        scope = {"headers": [(b"content-type", b"application/json")], "query_string": b""}
        return await desk.handler.answer(scope, receive)

    assert asyncio.run(hang_up()) is None
    assert desk.tally.items == 0
    assert desk.tally.in_flight == 0


@pytest.mark.parametrize("content_type", [b"text/plain", b"", b"application/jsonx", b"multipart/form-data"])
def test_other_content_types_are_refused(desk: Desk, content_type: bytes) -> None:
    """415 names the one that is taken."""
    status, problem = desk.ask(items("billing"), headers=[(b"content-type", content_type)])
    assert status == 415
    assert "application/json" in problem["detail"]


def test_parameters_of_the_content_type_do_not_matter() -> None:
    """A charset after application/json is JSON all the same."""
    assert is_json(b"Application/JSON; charset=utf-8")


@pytest.mark.parametrize(
    "query", [b"probabilities=maybe", b"probabilities", b"x=1", b"probabilities=true&x="]
)
def test_unknown_queries_are_refused(desk: Desk, query: bytes) -> None:
    """A misspelt parameter is an error, not silence."""
    assert desk.ask(items("billing"), query=query)[0] == 422


def test_request_id_is_echoed_when_it_is_one_and_made_otherwise(desk: Desk) -> None:
    """A valid id comes back; a made-up one is unique; line breaks never come back."""

    def header(request_id: bytes) -> bytes:
        headers = [(b"content-type", b"application/json"), (b"seamark-request-id", request_id)]
        reply = asyncio.run(desk.send(items("billing"), headers=headers))
        assert reply is not None
        return dict(reply.headers)[b"seamark-request-id"]

    assert header(b"order-7:1") == b"order-7:1"
    made = {header(b"a\nb"), header(b"x" * 129), header(b"")}
    assert len(made) == 3
    assert not any(b"\n" in each for each in made)


def test_without_a_bundle_nothing_is_predicted(open_desk: OPEN_DESK) -> None:
    """503 with Retry-After until a bundle is promoted."""
    desk = open_desk()
    desk.current = None
    reply = asyncio.run(desk.send(items("billing")))
    assert reply is not None
    assert reply.status == 503
    assert dict(reply.headers)[b"retry-after"] == b"1"
    assert desk.tally.outcomes["unavailable"] == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [(None, 401), ("wrong", 401), ("of-a-labeler", 403), ("right", 200)],
    ids=["no key", "unknown key", "other scope", "right key"],
)
def test_with_keys_predict_needs_one_of_its_scope(
    open_desk: OPEN_DESK, sent: str | None, status: int
) -> None:
    """401 with a challenge for no known key, 403 for one of another scope."""
    keys = [
        Key("predict", hashlib.sha256(b"right").hexdigest()),
        Key("label", hashlib.sha256(b"of-a-labeler").hexdigest()),
    ]
    desk = open_desk(access=Access(keys))
    headers = [(b"content-type", b"application/json")]
    if sent:
        headers.append((b"authorization", b"Bearer " + sent.encode()))
    reply = asyncio.run(desk.send(items("billing"), headers=headers))
    assert reply is not None
    assert reply.status == status
    assert (b"www-authenticate" in dict(reply.headers)) == (status == 401)


def test_a_failing_observer_is_counted_and_does_not_touch_the_reply(desk: Desk) -> None:
    """Monitoring may fail; the bytes are the same as without the failure."""
    before = asyncio.run(desk.send(items("billing")))
    assert before is not None
    assert desk.current is not None

    class Broken:
        sources, seen = desk.current.recorder.sources, 0

        def observe(self, observed: object) -> None:
            raise RuntimeError(f"cannot count {observed}")

    desk.current.recorder = Broken()  # type: ignore[assignment]
    after = asyncio.run(desk.send(items("billing")))
    assert after is not None
    assert after.body == before.body
    desk.handler.pass_on(desk.current)
    assert desk.tally.failures["observe"] == 1


def test_a_failing_meter_costs_no_reply_no_count_and_no_other_meter(open_desk: OPEN_DESK) -> None:
    """What failed is counted when it is sealed."""
    desk = open_desk()
    assert desk.current is not None
    status, _ = desk.ask(items("billing"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextFrontEnd, "_share", lambda _self, _text: 1 / 0)
        front_end = desk.current.model.classifier.front_end
        assert isinstance(front_end, TextFrontEnd)
        front_end._shares.clear()
        sealed = desk.sealed()
    assert status == 200
    assert (sealed.items, sealed.meters_failed) == (1, 1)
    assert "unknown" not in sealed.meters
    assert sealed.meters["length"].sum() == sealed.meters["score"].sum() == 1


def test_no_text_of_an_item_reaches_a_log_or_an_error(
    open_desk: OPEN_DESK, caplog: pytest.LogCaptureFixture
) -> None:
    """Invalid bodies, a failing observer and a failing model keep the item to themselves."""
    desk = open_desk(max_body_bytes=2**20)
    caplog.set_level(logging.DEBUG)
    assert desk.current is not None

    class Broken:
        sources, seen = desk.current.recorder.sources, 0

        def observe(self, observed: object) -> None:
            raise ValueError(observed)

    desk.current.recorder = Broken()  # type: ignore[assignment]
    replies = [
        *(desk.ask(items(*[CANARY] * 256)) for _ in range(ENOUGH_ITEMS // 256)),
        desk.ask({"items": [{"text": CANARY, "id": CANARY, "source": CANARY, CANARY: CANARY}]}),
        desk.ask({"items": [{"text": CANARY * 5_000}]}),
        desk.ask(b'{"items": [{"text": "' + CANARY.encode()),
    ]

    class Failing:
        def decide(self, texts: object) -> None:
            raise ValueError(texts)

    desk.current.model = Failing()  # type: ignore[assignment]
    replies.append(desk.ask(items(CANARY)))
    assert [status for status, _ in replies] == [200, 200, 422, 422, 400, 500]
    assert all(CANARY not in json.dumps(body) for _, body in replies)
    assert CANARY not in caplog.text
    assert "test_handler.py" in caplog.text


def test_a_slow_model_runs_in_a_thread_behind_a_bounded_queue(tiny_model: Model) -> None:
    """Above a millisecond an item the event loop stays free; beyond the bound requests get 503."""
    slow = dataclasses.replace(tiny_model, single_item_seconds=0.002)
    desk = Desk(current_of(slow), max_waiting=2)
    assert desk.current is not None
    assert not desk.current.inline

    async def many() -> list[int]:
        replies = await asyncio.gather(*(desk.send(items("billing")) for _ in range(5)))
        return sorted(reply.status for reply in replies if reply is not None)

    async def queued_meanwhile() -> int:
        asked = [asyncio.create_task(desk.send(items("billing"))) for _ in range(2)]
        await asyncio.sleep(0)
        queued = desk.tally.queued
        await asyncio.gather(*asked)
        return queued

    assert asyncio.run(queued_meanwhile()) == 2
    assert asyncio.run(many()) == [200, 200, 503, 503, 503]
    assert desk.ask(items("billing"))[0] == 200
    assert desk.current.in_flight == desk.tally.queued == 0


def test_every_decided_item_is_counted_once(desk: Desk) -> None:
    """Recorder, tally and reply agree about how many items there were and what became of them."""
    desk.ask(items("billing", "login", bundles.UNKNOWN_TEXT))
    desk.ask(items("billing"))
    sealed = desk.sealed()
    assert sealed.items == desk.tally.items == 4
    assert sealed.source_counts == {"other": 4}
    assert sum(desk.tally.requests.counts) == desk.tally.outcomes["ok"] == 2


WORDS = st.sampled_from([*bundles.NAMED, "please", "help", "é", "\0", "unknown", "😀"])
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=1, max_size=8), seed=st.integers(0, 99))
def test_a_decision_does_not_depend_on_batch_mates(desk: Desk, texts: list[str], seed: int) -> None:
    """Alone, together and in another order: the same label, and probabilities equal to 1e-5."""
    _, together = desk.ask(items(*texts), query=b"probabilities=true")
    order = np.random.default_rng(seed).permutation(len(texts))
    _, shuffled = desk.ask(items(*(texts[at] for at in order)), query=b"probabilities=true")
    for place, at in enumerate(order):
        _, alone = desk.ask(items(texts[at]), query=b"probabilities=true")
        for other in (together["predictions"][at], shuffled["predictions"][place]):
            mine = alone["predictions"][0]
            assert mine["label"] == other["label"]
            assert mine["review"] == other["review"]
            assert mine["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["items", "text", "id", "source", "time", "features", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_ever_gives_a_500(desk: Desk, body: bytes) -> None:
    """Any bytes are answered with 200, 400 or 422."""
    assert desk.ask(body)[0] in (200, 400, 422)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    item=st.fixed_dictionaries(
        {"text": st.text(st.characters(), max_size=20)},
        optional={
            "id": st.none() | st.text(max_size=4),
            "source": st.none() | st.text(max_size=4),
            "time": st.none() | st.datetimes().map(lambda at: at.isoformat() + "Z"),
        },
    )
)
def test_any_text_is_answered(desk: Desk, item: dict[str, object]) -> None:
    """Every text of Unicode gets a decision, unless it is empty or an id or source is."""
    status, _ = desk.ask({"items": [item]})
    assert status in (200, 400, 422)
    if item["text"] and all(value != "" for value in item.values()):
        assert status == 200 or "\\ud" in json.dumps(item)


@settings(max_examples=10, deadline=None)
@given(plan=st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_request_is_answered_by_exactly_one_version(
    plan: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through swaps every reply is wholly one version's, with its classes, and is counted there."""
    store = ModelStore(tmp_path_factory.mktemp("swap"))
    versions = [current_of(bundles.tiny_model(store, k=k)) for k in (3, 5)]
    slow = [dataclasses.replace(each.model, single_item_seconds=0.002) for each in versions]
    currents = [current_of(model) for model in slow]
    desk = Desk(currents[0])

    async def traffic() -> list[tuple[str, int]]:
        tasks = []
        for swap in plan:
            tasks.append(
                asyncio.create_task(desk.send(items("billing", "login"), query=b"probabilities=true"))
            )
            await asyncio.sleep(0)
            if swap:
                desk.current = currents[1] if desk.current is currents[0] else currents[0]
        replies = [json.loads(reply.body) for reply in await asyncio.gather(*tasks) if reply is not None]
        return [
            (reply["model"]["version"], len(prediction["probabilities"]))
            for reply in replies
            for prediction in reply["predictions"]
        ]

    answered = asyncio.run(traffic())
    assert set(answered) <= {("1", 3), ("2", 5)}
    for current in currents:
        desk.handler.pass_on(current)
    counted = [current.recorder.seal(2_000.0).items for current in currents]
    assert counted == [answered.count(("1", 3)), answered.count(("2", 5))]
