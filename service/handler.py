"""How does a predict request become its reply?

The lane and the ordinary route share this, so both give the same bytes. The text or the features of an item
go into the model and, sampled, into the reservoir; never into a log, a metric or an error.
"""

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import perf_counter
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import numpy as np

from model_store.graphs.inputs import Input
from model_store.policy import Decisions
from monitoring.clock import Clock
from service import problems
from service.access import Access
from service.cells import naming_column
from service.problems import (
    BodyTooLarge,
    ClientGone,
    ContentTypeUnsupported,
    FieldInvalid,
    NoBundle,
    QueueFull,
)
from service.reply import reply
from service.schema import checked_features, checked_texts, decode_predict, encode
from service.swap import Current
from service.tally import Tally

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_WAITING: Final = 64
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")
_JSON_TYPE: Final = b"application/json"

logger = logging.getLogger("seamark.predict")


class Reply(NamedTuple):
    """A complete response: status, raw headers and body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Envelope(NamedTuple):
    """The headers of a request that matter here."""

    content_type: bytes
    content_length: bytes
    authorization: bytes | None
    request_id: bytes


class Handler:
    """Answers predict requests on the event loop; every outcome is counted, none raises."""

    def __init__(
        self,
        *,
        current: Callable[[], Current | None],
        access: Access,
        tally: Tally,
        clock: Clock,
        generator: np.random.Generator,
        max_body_bytes: int,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._current, self._access, self._tally, self._clock = current, access, tally, clock
        self._draw = generator.random
        self._max_body_bytes, self._max_waiting = max_body_bytes, max_waiting
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seamark-model")
        self._id_prefix = generator.bytes(6).hex()
        self._serial = count(1)

    async def answer(self, scope: Scope, receive: Receive) -> Reply | None:
        """Return the response to one request, or None when nobody is left to read it."""
        started = perf_counter()
        tally = self._tally
        tally.in_flight += 1
        envelope = _envelope(scope["headers"])
        request_id = self._request_id(envelope.request_id)
        try:
            self._admit(envelope)
            with_probabilities = _wants_probabilities(scope["query_string"])
            body = await read_body(receive, envelope.content_length, self._max_body_bytes)
            content = await self._predict(body, with_probabilities=with_probabilities)
        except Exception as error:
            tally.outcomes[problems.kind_of(error).outcome] += 1
            return _refusal(error, request_id)
        finally:
            tally.in_flight -= 1
            tally.requests.add(perf_counter() - started)
        tally.outcomes["ok"] += 1
        return Reply(
            200,
            [
                (b"content-type", _JSON_TYPE),
                (b"content-length", b"%d" % len(content)),
                (b"seamark-request-id", request_id),
            ],
            content,
        )

    def pass_on(self, current: Current) -> None:
        """Tell the recorder about the items that wait; a failure is counted, and goes no further."""
        if not current.pending.n_items:
            return
        try:
            current.recorder.observe(current.pending.take(self._draw(current.pending.n_items)))
        except Exception as error:  # the observer boundary
            self._tally.failures["observe"] += 1
            log_place("observing failed, no reply is touched", error)

    def close(self) -> None:
        """Wait for the model thread to finish what it has."""
        self._thread.shutdown()

    def _admit(self, envelope: _Envelope) -> None:
        if self._access.has_keys:
            authorization = envelope.authorization
            self._access.require(authorization.decode("latin-1") if authorization else None, "predict")
        if not is_json(envelope.content_type):
            raise ContentTypeUnsupported("application/json")

    async def _predict(self, body: bytes, *, with_probabilities: bool) -> bytes:
        # Taken once: whatever is promoted meanwhile, one version answers the whole request.
        current = self._current()
        try:
            items = decode_predict(body).items
        except FieldInvalid as error:
            raise naming_column(error, body, () if current is None else current.model.columns) from None
        if current is None:
            raise NoBundle
        inputs = checked_texts(items) if current.takes_text else checked_features(items, body_bytes=len(body))
        started = perf_counter()
        if current.inline:
            decisions = current.model.decide(inputs)
        else:
            decisions = await self._decide_in_thread(current, inputs)
        self._tally.inference.add(perf_counter() - started)
        self._tally.items += len(items)
        seen = current.recorder.seen
        if current.pending.add(items, inputs, decisions, at=self._clock.now(), n_bytes=len(body), seen=seen):
            self.pass_on(current)
        return encode(reply(current, items, decisions, with_probabilities=with_probabilities))

    async def _decide_in_thread(self, current: Current, inputs: Sequence[Input]) -> Decisions:
        tally = self._tally
        if tally.queued >= self._max_waiting:
            raise QueueFull(tally.queued)
        tally.queued += 1
        # A version that was replaced meanwhile is sealed as long as it has requests in flight.
        current.in_flight += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, current.model.decide, inputs)
        finally:
            tally.queued -= 1
            current.in_flight -= 1

    def _request_id(self, given: bytes) -> bytes:
        if given and _REQUEST_ID.fullmatch(given):
            return given
        return f"{self._id_prefix}-{next(self._serial):x}".encode()


async def read_body(receive: Receive, content_length: bytes, limit_bytes: int) -> bytes:
    """Return the whole body; most arrive in one message.

    Raises
    ------
    BodyTooLarge
        More than `limit_bytes` are announced, or arrive whatever was announced.
    ClientGone
        The connection ended first.
    """
    if content_length and (not content_length.isdigit() or int(content_length[:20]) > limit_bytes):
        raise BodyTooLarge(limit_bytes)
    chunks: list[bytes] = []
    received = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        received += len(chunk)
        if received > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def is_json(content_type: bytes) -> bool:
    """Tell whether a Content-Type header means JSON; parameters are ignored."""
    return content_type == _JSON_TYPE or content_type.partition(b";")[0].strip().lower() == _JSON_TYPE


def log_place(what: str, error: BaseException) -> None:
    """Log where `error` arose, without its message: a message may quote an item."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames[-3:]))
    logger.error("%s: %s at %s", what, type(error).__name__, where)


def _envelope(headers: Iterable[tuple[bytes, bytes]]) -> _Envelope:
    content_type = content_length = request_id = b""
    authorization = None
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"content-length":
            content_length = value
        elif name == b"authorization":
            authorization = value
        elif name == b"seamark-request-id":
            request_id = value
    return _Envelope(content_type, content_length, authorization, request_id)


def _wants_probabilities(query: bytes) -> bool:
    if not query:
        return False
    values = {"true": True, "false": False}
    wanted = False
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name != "probabilities" or value not in values:
            raise FieldInvalid("query", "expected probabilities=true or probabilities=false, nothing else")
        wanted = values[value]
    return wanted


def _refusal(error: Exception, request_id: bytes) -> Reply | None:
    if isinstance(error, ClientGone):
        return None
    kind = problems.kind_of(error)
    if kind is problems.UNEXPECTED:
        log_place("predict failed", error)
    content = problems.body(error)
    headers = [(name.lower().encode(), value.encode()) for name, value in problems.headers(error).items()]
    headers += [(b"content-length", b"%d" % len(content)), (b"seamark-request-id", request_id)]
    if isinstance(error, BodyTooLarge):
        # What is left of the body is not worth reading.
        headers.append((b"connection", b"close"))
    return Reply(kind.status, headers, content)
