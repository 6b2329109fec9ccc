"""What does a client see when something is wrong? One table from exception to RFC 9457 problem.

Refusal
├── BodyInvalid
│   ├── NotJson
│   └── FieldInvalid
├── BodyTooLarge
├── ContentTypeUnsupported
├── KeyMissing
├── ScopeMissing
├── RemoteRefused
├── NothingHere
├── MethodNotAllowed
├── NoBundle
├── QueueFull
└── ClientGone
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from model_store import errors as model_errors
from monitoring import errors as monitoring_errors

Outcome = Literal["ok", "invalid", "too_large", "unauthorized", "unavailable", "error"]

CONTENT_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:seamark:problem:"


class Refusal(Exception):
    """Base of what the front door refuses a client."""


class BodyInvalid(Refusal):
    """The body is not what the route takes."""


class NotJson(BodyInvalid):
    """The body does not parse."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the body is not JSON in UTF-8: {self.reason}"


class FieldInvalid(BodyInvalid):
    """A field of the body or of the query breaks its limit; the content is never repeated."""

    def __init__(self, path: str, allowed: str) -> None:
        super().__init__(path, allowed)
        self.path, self.allowed = path, allowed

    def __str__(self) -> str:
        return f"{self.path}: {self.allowed}"


class BodyTooLarge(Refusal):
    """More bytes than the server takes, announced or counted."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"the body is larger than {self.limit_bytes} bytes; send fewer items a request"


class ContentTypeUnsupported(Refusal):
    """The route takes another media type."""

    def __init__(self, *supported: str) -> None:
        super().__init__(*supported)
        self.supported = supported

    def __str__(self) -> str:
        return f"send Content-Type: {' or '.join(self.supported)}"


class KeyMissing(Refusal):
    """Keys are configured and the request carries none that is known."""

    def __str__(self) -> str:
        return "send Authorization: Bearer followed by a key of this server"


class ScopeMissing(Refusal):
    """The key is known, its scope is another."""

    def __init__(self, *scopes: str) -> None:
        super().__init__(*scopes)
        self.scopes = scopes

    def __str__(self) -> str:
        return f"this route needs a key of scope {' or '.join(self.scopes)}"


class RemoteRefused(Refusal):
    """Without keys, only this host may write or read items."""

    def __str__(self) -> str:
        return (
            "without keys this route answers the local host only; list keys as scope:sha256[:label] "
            "in a file and name it in SEAMARK_KEYS_FILE"
        )


class NothingHere(Refusal):
    """No route has this path; those there are begin with `paths`."""

    def __init__(self, *paths: str) -> None:
        super().__init__(*paths)
        self.paths = paths

    def __str__(self) -> str:
        return f"no such path; this service has {', '.join(self.paths)}"


class MethodNotAllowed(Refusal):
    """The path exists for other methods."""

    def __init__(self, *allowed: str) -> None:
        super().__init__(*allowed)
        self.allowed = allowed

    def __str__(self) -> str:
        return f"this path takes {' or '.join(self.allowed) or 'another method'}"


class NoBundle(Refusal):
    """No bundle is current, so nothing can be predicted."""

    def __str__(self) -> str:
        return "no bundle is loaded; promote one with `seamark bundle promote`"


class QueueFull(Refusal):
    """The model is slower than the requests arrive."""

    def __init__(self, waiting: int) -> None:
        super().__init__(waiting)
        self.waiting = waiting

    def __str__(self) -> str:
        return f"{self.waiting} requests wait already; try again in a second"


class ClientGone(Refusal):
    """The client hung up before its body was complete."""

    def __str__(self) -> str:
        return "the client hung up"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of exceptions is shown."""

    status: int
    name: str
    title: str
    outcome: Outcome = "invalid"
    headers: Mapping[str, str] = field(default_factory=dict)
    shown: bool = True


FIELD_INVALID: Final = Kind(422, "field-invalid", "Field is not allowed")
UNEXPECTED: Final = Kind(500, "unexpected", "Unexpected error", "error", shown=False)

_TRY_AGAIN: Final = {"Retry-After": "1"}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="seamark"'}

PROBLEMS: Final[Mapping[type[Exception], Kind]] = {
    NotJson: Kind(400, "not-json", "Body is not JSON"),
    FieldInvalid: FIELD_INVALID,
    BodyTooLarge: Kind(413, "body-too-large", "Body is too large", "too_large"),
    ContentTypeUnsupported: Kind(415, "content-type-unsupported", "Content type is not supported"),
    KeyMissing: Kind(401, "key-missing", "Key is missing", "unauthorized", _CHALLENGE),
    ScopeMissing: Kind(403, "scope-missing", "Key has another scope", "unauthorized"),
    RemoteRefused: Kind(403, "remote-refused", "Other hosts are refused", "unauthorized"),
    NothingHere: Kind(404, "nothing-here", "No such path"),
    MethodNotAllowed: Kind(405, "method-not-allowed", "Method is not allowed"),
    NoBundle: Kind(503, "no-bundle", "No bundle is loaded", "unavailable", _TRY_AGAIN),
    QueueFull: Kind(503, "queue-full", "Too many requests wait", "unavailable", _TRY_AGAIN),
    ClientGone: Kind(499, "client-gone", "Client hung up"),
    model_errors.UnknownBundle: Kind(404, "unknown-version", "No such version"),
    model_errors.NotInForce: Kind(409, "not-in-force", "Another version is in force"),
    model_errors.NothingToRollBack: Kind(409, "nothing-to-roll-back", "No earlier version"),
    model_errors.BundleError: Kind(409, "bundle-refused", "Bundle failed verification"),
    model_errors.FeatureInvalid: FIELD_INVALID,
    model_errors.ClassifierUnusable: Kind(500, "model-failed", "Model failed", "error"),
    model_errors.StoreNotWritable: Kind(503, "store-not-writable", "Store refuses writes", "unavailable"),
    model_errors.StoreInvalid: Kind(503, "store-invalid", "Store cannot be read", "unavailable"),
    monitoring_errors.UnknownModel: Kind(404, "unknown-model", "No traffic of this model yet"),
    monitoring_errors.UnknownAlarm: Kind(404, "unknown-alarm", "No such alarm"),
    monitoring_errors.UnknownBatch: Kind(404, "unknown-batch", "No such batch"),
    monitoring_errors.UnknownLease: Kind(404, "unknown-lease", "No such lease"),
    monitoring_errors.LeaseOver: Kind(409, "lease-over", "Lease is over"),
    monitoring_errors.IdempotencyKeyReused: Kind(
        422, "idempotency-key-reused", "Idempotency-Key stands for another request"
    ),
    monitoring_errors.BatchClosed: Kind(409, "batch-closed", "Batch is closed"),
    monitoring_errors.UnknownProposal: Kind(404, "unknown-proposal", "No such proposal"),
    monitoring_errors.ProposalRefused: Kind(409, "proposal-refused", "This cannot be proposed or decided"),
    monitoring_errors.BatchRefused: Kind(409, "batch-refused", "No batch can be made now"),
    monitoring_errors.BaselineRefused: Kind(409, "baseline-refused", "Baseline cannot be frozen now"),
    monitoring_errors.NoOpenAlarm: Kind(409, "no-open-alarm", "No alarm is open"),
    monitoring_errors.ExpectationRefused: Kind(409, "expectation-refused", "This cannot be expected"),
    monitoring_errors.LabelsInvalid: Kind(422, "labels-invalid", "Labels cannot be read"),
    monitoring_errors.StateUnavailable: Kind(
        503, "state-unavailable", "Monitoring state is away", "unavailable", _TRY_AGAIN
    ),
}


def kind_of(error: Exception) -> Kind:
    """Return the entry of the nearest listed class."""
    for parent in type(error).__mro__:
        if (kind := PROBLEMS.get(parent)) is not None:
            return kind
    return UNEXPECTED


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error reply, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = ""
    field: str = ""
    allowed: str = ""


def problem(error: Exception) -> Problem:
    """Return what the client reads; an unexpected error shows nothing of itself."""
    if isinstance(error, model_errors.FeatureInvalid):
        error = _of_request(error)
    kind = kind_of(error)
    detail = str(error) if kind.shown else "the server log has the place; the request was not the cause"
    named: dict[str, Any] = (
        {"field": error.path, "allowed": error.allowed} if isinstance(error, FieldInvalid) else {}
    )
    return Problem(type=TYPE_PREFIX + kind.name, title=kind.title, status=kind.status, detail=detail, **named)


def _of_request(error: model_errors.FeatureInvalid) -> FieldInvalid:
    """Return what a client sees of features that the bundle does not take.

    The column is one of the bundle's: a name that only the item knows is not repeated.
    """
    path = f"$.items[{error.index}].features"
    if error.column is not None:
        plain = _PLAIN_NAME.fullmatch(error.column)
        path += f".{error.column}" if plain else f"[{json.dumps(error.column, ensure_ascii=False)}]"
    return FieldInvalid(path, error.reason)


def headers(error: Exception) -> dict[str, str]:
    """Return the headers that go with the problem, its content type among them."""
    extra = (
        {"Allow": ", ".join(error.allowed)} if isinstance(error, MethodNotAllowed) and error.allowed else {}
    )
    return {"Content-Type": CONTENT_TYPE, **kind_of(error).headers, **extra}


def body(error: Exception) -> bytes:
    """Return the problem as JSON bytes."""
    return msgspec.json.encode(problem(error))
