"""How does POST /predict avoid a millisecond of middleware, and what passes it at all?

BentoML builds a worker's application by calling `Service.to_asgi`, and wraps it in metrics, tracing, access
log and timeouts: together ten times what a linear model costs. `LaneService` overrides that one method and
puts a plain ASGI callable in front:

- `POST /predict`, exactly, is answered by the handler, unless the lane is off;
- BentoML's own paths go to BentoML;
- everything else goes to our routes, or is a 404. BentoML's metrics keep a series for every path that was
  ever asked for, so a client that makes up paths would fill the memory, and an id in a path would be a label.

It is the only private seam of BentoML used here. Should it change, the ordinary routes of the same paths
answer the same bytes, `seamark_lane_active` is 0, and a warning says so at start-up.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from _bentoml_sdk.service import Service
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from service import problems
from service.handler import Handler, Receive, Scope
from service.problems import MethodNotAllowed, NoBundle, NothingHere
from service.worker import Worker

PATH: Final = "/predict"
# Not /docs.json, /schema.json and /healthz: the first is ours, the others say what /livez and /docs.json do.
BENTOML_PATHS: Final = frozenset({PATH, "/livez", "/readyz", "/metrics"})
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
T = TypeVar("T")


@dataclass(slots=True)
class Seat:
    """Where this process's worker sits once the service has started, for lane and routes to find."""

    worker: Worker | None = None
    lane_installed: bool = False


class Lane:
    """The ASGI callable in front of BentoML's `app` and our `routes`."""

    def __init__(self, app: Asgi, routes: Asgi, seat: Seat, *, enabled: bool) -> None:
        self.app, self._routes, self._seat, self._enabled = app, routes, seat, enabled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `POST /predict`; pass everything else on to where it belongs."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, worker = scope["path"], self._seat.worker
        if path == PATH and scope["method"] == "POST" and self._enabled and worker is not None:
            await respond(worker.handler, scope, receive, send)
        elif path in BENTOML_PATHS:
            await self.app(scope, receive, send)
        else:
            await self._routes(scope, receive, send)


async def respond(handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the handler's reply, unless the client is gone."""
    reply = await handler.answer(scope, receive)
    if reply is not None:
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})


def lane_service(seat: Seat, routes: Asgi, *, enabled: bool) -> type[Service[Any]]:
    """Return the class for `@bentoml.service(service_class=...)` whose applications have the lane in front.

    The errors of BentoML's own router, such as a wrong method, become problems here too.
    """

    class LaneService(Service[T]):  # type: ignore[misc]
        # BentoML's arguments are passed on as they come: a new one must not break the start.
        def to_asgi(self, *args: Any, **options: Any) -> Any:
            app = super().to_asgi(*args, **options)
            show_problems(app)
            seat.lane_installed = enabled
            return Lane(app, routes, seat, enabled=enabled)

    return LaneService


def show_problems(app: Any) -> None:
    """Let a Starlette application answer its errors as problem+json."""
    if isinstance(app, Starlette):
        app.add_exception_handler(HTTPException, _on_http_exception)
        app.add_exception_handler(Exception, _on_exception)


def _on_http_exception(request: Request, error: Exception) -> Response:
    match getattr(error, "status_code", 500):
        case 404:
            return problem_response(NothingHere(*_paths(request)))
        case 405:
            return problem_response(MethodNotAllowed(*_methods(request)))
        case 503:
            # BentoML's /readyz, when `__is_ready__` said no.
            return problem_response(NoBundle())
        case _:
            return problem_response(error)


def _paths(request: Request) -> list[str]:
    """Return where the routes begin: `/v1` and the next word, or the path itself."""
    begin = {"/".join(each.path.split("/")[:3]) for each in _routes(request)}
    return sorted(begin | BENTOML_PATHS)


def _methods(request: Request) -> list[str]:
    """Return the methods of all routes of the path, since each of them has one."""
    found = [each for each in _routes(request) if each.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for each in found for method in each.methods or ()})


def _routes(request: Request) -> list[Route]:
    return [each for each in request.app.routes if isinstance(each, Route)]


def _on_exception(_: Request, error: Exception) -> Response:
    return problem_response(error)


def problem_response(error: Exception) -> Response:
    """Return the problem of `error` as a response."""
    return Response(
        problems.body(error), status_code=problems.kind_of(error).status, headers=problems.headers(error)
    )
