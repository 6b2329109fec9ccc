"""A body that is refused: which field, and all that is allowed of it."""

import json
from typing import Any

import pytest
from msgspec import DecodeError, Struct, inspect, structs
from msgspec.json import decode

from service import allowed
from service.exchange import DeclaredRoute
from service.lane import Seat
from service.problems import FieldInvalid
from service.refused import body_invalid
from service.routes import routes
from service.routes.batches import NewBatch
from service.routes.drift import Expect
from service.routes.leases import NewLease, Release
from service.routes.proposals import NewProposal
from service.schema import PredictRequest

CANARY = "xyzzy-canary-71f0"
NAME = "expected a string of 1 to 128 characters"
TIME = "expected a time with its zone as in RFC 3339, such as 2026-12-01T09:30:00Z, or "


def item(**said: object) -> dict[str, Any]:
    """Return a request of one item."""
    return {"items": [said]}


def refusal(struct: type[Struct], body: bytes) -> FieldInvalid:
    """Return why a body is not the struct."""
    with pytest.raises(DecodeError) as raised:
        decode(body, type=struct)
    refused = body_invalid(raised.value, body, struct)
    assert isinstance(refused, FieldInvalid)
    return refused


@pytest.mark.parametrize(
    ("struct", "body", "field", "expected"),
    [
        (PredictRequest, {}, "$.items", "required, expected an array of 1 to 256 elements"),
        (PredictRequest, [], "$", "expected an object, its fields: items"),
        (PredictRequest, item(id=""), "$.items[0].id", f"{NAME}, or null"),
        (PredictRequest, item(id="i" * 129), "$.items[0].id", f"{NAME}, or null"),
        (
            PredictRequest,
            item(source=""),
            "$.items[0].source",
            "expected a string of 1 to 64 characters, or null",
        ),
        (PredictRequest, item(time="now"), "$.items[0].time", f"{TIME}null"),
        (
            PredictRequest,
            item(txet="a"),
            "$.items[0]",
            "unknown field; allowed are text, features, id, source, time",
        ),
        (NewBatch, {}, "$.by", f"required, {NAME}"),
        (NewBatch, {"by": "a", "size": 0}, "$.size", "expected a whole number from 1 to 5000, or null"),
        (NewBatch, {"by": "a", "size": 5_001}, "$.size", "expected a whole number from 1 to 5000, or null"),
        (NewBatch, {"by": "a", "watched": [""]}, "$.watched[0]", NAME),
        (NewBatch, {"by": "a", "mode": CANARY}, "$.mode", "expected one of audit, mixed"),
        (NewLease, {"who": "a", "size": 501}, "$.size", "expected a whole number from 1 to 500"),
        (NewLease, {"who": "a", "minutes": 0}, "$.minutes", "expected a number above 0 and at most 10080"),
        (Expect, {"until": CANARY}, "$.until", f"{TIME}a number above 0 and below 100000000000"),
        (NewProposal, {"base": CANARY}, "$.base", "expected a string that matches ^[0-9]{1,9}$"),
        (Release, {CANARY: 1}, "$", "unknown field; allowed are none"),
    ],
)
def test_a_field_is_named_with_all_that_is_allowed(
    struct: type[Struct], body: object, field: str, expected: str
) -> None:
    """Both ends of a range, whichever was passed, and nothing that was sent."""
    refused = refusal(struct, json.dumps(body).encode())
    assert (refused.path, refused.allowed) == (field, expected)
    assert CANARY not in str(refused)


def test_a_name_that_imitates_a_message_is_not_repeated() -> None:
    """Only a place that is declared is named."""
    body = json.dumps({"x` - at `$.secret": 1}).encode()
    assert str(refusal(PredictRequest, body)) == "$: unknown field; allowed are items"


BODIES = {
    each.declared.body for each in routes(Seat()) if isinstance(each, DeclaredRoute) and each.declared.body
}


@pytest.mark.parametrize("struct", sorted(BODIES - {Release}, key=lambda each: each.__name__))
def test_every_missing_field_is_named(struct: type[Struct]) -> None:
    """None is told of its object only, in whichever body."""
    needed = [each.encode_name for each in structs.fields(struct) if each.required]
    refused = refusal(struct, b"{}")
    assert refused.path == f"$.{needed[0]}"
    assert refused.allowed.startswith("required, expected ")


@pytest.mark.parametrize("struct", sorted(BODIES | {PredictRequest}, key=lambda each: each.__name__))
def test_every_field_can_be_put_in_words(struct: type[Struct]) -> None:
    """A new kind of field that has none is found here, and not by a client."""
    assert all(allowed.words(each.type) for each in inspect.type_info(struct).fields)
