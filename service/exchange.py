"""How is a `/v1` route answered: access, body, a function in a thread, JSON or a problem?

A route's function reads and writes stores, so it runs in a thread; the event loop only carries bytes.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service import problems
from service.access import Scope
from service.handler import log_place, read_body
from service.lane import Seat, problem_response
from service.problems import ContentTypeUnsupported, FieldInvalid, NoBundle
from service.refused import body_invalid
from service.values import MAX_IDEMPOTENCY_KEY
from service.worker import Worker

JSON_TYPE: Final = "application/json"
T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Call:
    """What a route's function gets of a request."""

    worker: Worker
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    idempotency_key: str | None = None

    def json(self, kind: type[T]) -> T:
        """Return the body as a struct.

        Raises
        ------
        NotJson, FieldInvalid
            It is not one; the error names the field and what is allowed.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise body_invalid(error, self.body, kind) from None

    def whole_number(self, name: str, *, default: int, low: int, high: int) -> int:
        """Return a number of the query."""
        raw = self.query.get(name, str(default))
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw[:20]) <= high:
            raise FieldInvalid(f"query.{name}", f"expected a whole number from {low} to {high}")
        return int(raw)

    def number(self, name: str, *, above: float, most: float) -> float | None:
        """Return a number of the query, None without it."""
        raw = self.query.get(name)
        if raw is None:
            return None
        try:
            value = float(raw.replace("_", "?"))  # Python would read 1_0 as ten
        except ValueError:
            value = math.nan
        if not above < value <= most:
            raise FieldInvalid(f"query.{name}", f"expected a number above {above:g}, at most {most:g}")
        return value


@dataclass(frozen=True, slots=True)
class Content:
    """A reply that is not JSON of ours: a file for somebody's tool."""

    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


Work = Callable[[Call], object]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a route takes and gives, for the published document; see `route`."""

    method: str
    path: str
    name: str
    says: str
    scopes: tuple[Scope, ...]
    local_only: bool
    accepts: tuple[str, ...]
    queries: tuple[str, ...]
    body: type[msgspec.Struct] | None
    replies: tuple[str, ...]


class DeclaredRoute(Route):
    """A route that remembers its declaration."""

    def __init__(self, endpoint: Callable[[Request], Awaitable[Response]], declared: Declared) -> None:
        super().__init__(declared.path, endpoint, methods=[declared.method], name=declared.name)
        self.declared = declared


def route(
    seat: Seat,
    method: str,
    path: str,
    work: Work,
    *,
    scopes: tuple[Scope, ...],
    local_only: bool,
    accepts: tuple[str, ...] = (JSON_TYPE,),
    queries: tuple[str, ...] = (),
    body: type[msgspec.Struct] | None = None,
    replies: tuple[str, ...] = (JSON_TYPE,),
) -> DeclaredRoute:
    """Return a route that answers with what `work` returns.

    Parameters
    ----------
    scopes
        Any of them opens the route, where keys are configured.
    local_only
        Without keys, refuse other hosts.
    accepts
        Media types of a body. Demanding one keeps the forms of foreign web pages out.
    queries
        Parameters of the query; any other is refused, since a misspelt one would be silently without effect.
    body, replies
        What `work` decodes and the media types it answers with; only the published document reads them.
    """

    async def answer(request: Request) -> Response:
        try:
            worker = seat.worker
            if worker is None:
                raise NoBundle
            authorization = request.headers.get("authorization")
            if local_only:
                client = request.client.host if request.client else None
                asked = request.headers.get("host")
                worker.access.require_local(client, asked, authorization, *scopes)
            else:
                worker.access.require(authorization, *scopes)
            if not _queries_known(request.query_params, queries):
                raise FieldInvalid("query", f"expected {' or '.join(queries) or 'none'}, each once")
            call = await _call(request, worker, accepts)
            return _response(await asyncio.to_thread(work, call))
        except Exception as error:
            if problems.kind_of(error) is problems.UNEXPECTED:
                log_place(f"{method} {path} failed", error)
            return problem_response(error)

    says = (work.__doc__ or "").partition("\n")[0]
    declared = Declared(
        method, path, work.__name__, says, scopes, local_only, accepts, queries, body, replies
    )
    return DeclaredRoute(answer, declared)


async def _call(request: Request, worker: Worker, accepts: tuple[str, ...]) -> Call:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    if request.method == "POST":
        if content_type not in accepts:
            raise ContentTypeUnsupported(*accepts)
        length = request.headers.get("content-length", "").encode("latin-1")
        body = await read_body(request.receive, length, worker.settings.max_body_bytes)
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY:
        raise FieldInvalid("Idempotency-Key", f"expected 1 to {MAX_IDEMPOTENCY_KEY} characters")
    return Call(worker, request.path_params, request.query_params, body, key)


def _queries_known(given: QueryParams, allowed: tuple[str, ...]) -> bool:
    """Tell whether every parameter is an allowed one and comes once."""
    names = [name for name, _ in given.multi_items()]
    return len(set(names)) == len(names) and set(names) <= set(allowed)


def _response(result: object) -> Response:
    if isinstance(result, Content):
        return Response(result.body, media_type=result.media_type, headers=dict(result.headers))
    return Response(msgspec.json.encode(result, enc_hook=_plain), media_type=JSON_TYPE)


def _plain(value: Any) -> Any:
    """Turn what msgspec does not know, mappings and numbers of numpy, into what it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")
