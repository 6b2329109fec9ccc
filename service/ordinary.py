"""How does POST /predict work where the lane is off, or BentoML's seam has changed?

A `@bentoml.api` method, so that BentoML's own middleware, OpenAPI and clients see it, whose input spec leaves
the body alone: pydantic would parse it a second time and write parts of a body it refuses into the log.
"""

from typing import Any, ClassVar

import bentoml
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.lane import Seat, problem_response
from service.problems import ClientGone, NoBundle
from service.schema import PredictReply, PredictRequest


class RawBody(bentoml.IODescriptor):  # type: ignore[misc]
    """A body that BentoML describes and the method itself reads or writes; `wire` is its form."""

    wire: ClassVar[type[msgspec.Struct]]

    @classmethod
    async def from_http_request(cls, _request: Request, _serde: Any) -> "RawBody":
        """Leave the body unread."""
        return cls()

    @classmethod
    def model_json_schema(
        cls, *_: Any, ref_template: str = "#/$defs/{model}", **_options: Any
    ) -> dict[str, Any]:
        """Return the schema of `wire`, which BentoML shows in its OpenAPI document."""
        template = ref_template.format(model="{name}")
        _, components = msgspec.json.schema_components((cls.wire,), ref_template=template)
        return {**components.pop(cls.wire.__name__), "$defs": components}


class PredictInput(RawBody):
    """The body of a predict request."""

    wire = PredictRequest


class PredictOutput(RawBody):
    """The body of its reply."""

    wire = PredictReply


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
