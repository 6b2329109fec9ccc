"""The webhook is told what happened as Standard Webhooks describes it."""

import base64
import hashlib
import hmac
import json
from typing import Final

import httpx
import pytest

from monitoring.delivering import NotTold
from monitoring.store import Delivery
from service.values import signing_key
from service.webhook import Webhook, signature

# The example of the specification.
SECRET: Final = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DELIVERY: Final = Delivery(
    id=7,
    event="batch.emitted",
    subject="b1",
    body={"batch": "b1", "items": 200, "path": "/v1/batches/b1"},
    created_at=1_769_853_600.25,
    attempts=3,
)
URL: Final = "https://user:word@hooks.example.org/seamark?token=1"


def webhook(answer: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> Webhook:
    """Return a webhook whose other side answers so."""

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Webhook(URL, SECRET, now=lambda: 1_769_853_700.9, transport=httpx.MockTransport(handle))


def test_the_signature_is_the_one_of_the_specification() -> None:
    """Id, timestamp and body of its example give its signature."""
    said = signature(
        signing_key(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
    )
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_it_tells_what_happened_signed() -> None:
    """Type, time and data; the id is the same at every attempt, the timestamp is now."""
    seen: list[httpx.Request] = []
    webhook(httpx.Response(204), seen).send(DELIVERY)
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", URL)
    assert json.loads(request.content) == {
        "type": "batch.emitted",
        "timestamp": "2026-01-31T10:00:00.250Z",
        "data": {"batch": "b1", "items": 200, "path": "/v1/batches/b1"},
    }
    headers = request.headers
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("batch.emitted:b1", "1769853700")
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    content = b"batch.emitted:b1.1769853700." + request.content
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(503), "the webhook answered 503"),
        (httpx.Response(404, text="words of a customer"), "the webhook answered 404"),
        (httpx.Response(302, headers={"location": "http://elsewhere.example"}), "the webhook answered 302"),
        (httpx.ConnectError("refused by user:word@hooks"), "the webhook did not answer: ConnectError"),
        (httpx.ReadTimeout("slow"), "the webhook did not answer: ReadTimeout"),
    ],
    ids=["away", "missing", "moved", "refused", "slow"],
)
def test_anything_but_yes_is_a_reason_without_the_address(
    answer: httpx.Response | Exception, reason: str
) -> None:
    """Status or type of the failure; no redirect is followed and nothing of the answer is repeated."""
    seen: list[httpx.Request] = []
    with pytest.raises(NotTold) as refused:
        webhook(answer, seen).send(DELIVERY)
    assert str(refused.value) == reason
    assert len(seen) == 1
