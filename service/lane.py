"""How does POST /predict avoid a millisecond of middleware?

BentoML builds a worker's application by calling `Service.to_asgi`, and wraps it in metrics, tracing, access
log and timeouts: together ten times what a linear model costs. `LaneService` overrides that one method and
puts a plain ASGI callable in front: `POST /predict`, exactly, is answered by the handler; everything else
falls through. It is the only private seam of BentoML used here. Should it change, the ordinary route of the
same path answers the same bytes, `seamark_lane_active` is 0, and a warning says so at start-up.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from _bentoml_sdk.service import Service
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service import problems
from service.handler import Handler, Receive, Scope
from service.problems import MethodNotAllowed, NoBundle, NothingHere
from service.worker import Worker

PATH: Final = "/predict"
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
T = TypeVar("T")


@dataclass(slots=True)
class Seat:
    """Where this process's worker sits once the service has started, for lane and routes to find."""

    worker: Worker | None = None
    lane_installed: bool = False


class Lane:
    """The ASGI callable in front of BentoML's."""

    def __init__(self, app: Asgi, seat: Seat) -> None:
        self.app, self._seat = app, seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer `POST /predict`; pass everything else on."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            worker = self._seat.worker
            if worker is not None:
                await respond(worker.handler, scope, receive, send)
                return
        await self.app(scope, receive, send)


async def respond(handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the handler's reply, unless the client is gone."""
    reply = await handler.answer(scope, receive)
    if reply is not None:
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})


def lane_service(seat: Seat, *, enabled: bool) -> type[Service[Any]]:
    """Return the class for `@bentoml.service(service_class=...)` whose applications have the lane in front.

    The errors of BentoML's own router, such as an unknown path, become problems here too.
    """

    class LaneService(Service[T]):  # type: ignore[misc]
        # BentoML's arguments are passed on as they come: a new one must not break the start.
        def to_asgi(self, *args: Any, **options: Any) -> Any:
            app = super().to_asgi(*args, **options)
            show_problems(app)
            if not enabled:
                return app
            seat.lane_installed = True
            return Lane(app, seat)

    return LaneService


def show_problems(app: Any) -> None:
    """Let a Starlette application answer its errors as problem+json."""
    if isinstance(app, Starlette):
        app.add_exception_handler(HTTPException, _on_http_exception)
        app.add_exception_handler(Exception, _on_exception)


def _on_http_exception(_: Request, error: Exception) -> Response:
    match getattr(error, "status_code", 500):
        case 404:
            return problem_response(NothingHere())
        case 405:
            return problem_response(
                MethodNotAllowed((getattr(error, "headers", None) or {}).get("Allow", ""))
            )
        case 503:
            # BentoML's /readyz, when `__is_ready__` said no.
            return problem_response(NoBundle())
        case _:
            return problem_response(error)


def _on_exception(_: Request, error: Exception) -> Response:
    return problem_response(error)


def problem_response(error: Exception) -> Response:
    """Return the problem of `error` as a response."""
    return Response(
        problems.body(error), status_code=problems.kind_of(error).status, headers=problems.headers(error)
    )
