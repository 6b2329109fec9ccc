"""How does POST /predict work where the lane is off, or BentoML's seam has changed?

A `@bentoml.api` method within BentoML's own middleware. Its input spec leaves the body alone: pydantic would
parse it a second time and write parts of a body it refuses into the log.
"""

from typing import Any

import bentoml
from starlette.requests import Request
from starlette.responses import Response

from service.lane import Seat, problem_response
from service.problems import ClientGone, NoBundle


class RawBody(bentoml.IODescriptor):  # type: ignore[misc]
    """A body that the method itself reads or writes."""

    @classmethod
    async def from_http_request(cls, _request: Request, _serde: Any) -> "RawBody":
        """Leave the body unread."""
        return cls()


async def respond_ordinarily(seat: Seat, context: Any) -> Response:
    """Return the handler's reply as a response of BentoML's."""
    request: Request = context.request
    reply = await seat.worker.handler.answer(request.scope, request.receive) if seat.worker else None
    if reply is None:
        response = problem_response(NoBundle() if seat.worker is None else ClientGone())
    else:
        response = Response(reply.body, reply.status)
        response.raw_headers = list(reply.headers)
    # BentoML overwrites the status of a returned response with its context's.
    context.response.status_code = response.status_code
    return response
