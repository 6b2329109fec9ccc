"""What does the service promise, in a form that tools read? Its OpenAPI document, under `/docs.json`.

Read off the code: bodies and replies off the structs, problems off their table, `/v1` off the routes'
declarations. BentoML's own document would show BentoML's errors, which no client of this service sees.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from monitoring.handover import FORMS
from monitoring.proposing import STATES
from service.access import SCOPES
from service.exchange import JSON_TYPE, Declared, DeclaredRoute
from service.lane import PATH
from service.problems import CONTENT_TYPE, PROBLEMS, TYPE_PREFIX, UNEXPECTED, Problem
from service.routes.estimates import MODES
from service.routes.handover import SETTINGS
from service.routes.labels import FILES
from service.schema import LabelsReply, PredictReply, PredictRequest
from service.values import MAX_FACTOR, MAX_IDEMPOTENCY_KEY

DOCUMENT_PATH: Final = "/docs.json"
DESCRIPTION: Final = (
    "Classifies items, notices when the mix of classes in its traffic moves, and says what to label next. "
    "`/v1` never breaks: fields may be added to replies, none is removed or changes its meaning. Times in "
    "replies are seconds since 1970 in UTC. Keys are needed only where the server has a file of keys."
)

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_OBJECT: Final[Json] = {"type": "object"}
_NOBODY_READS: Final = 499
_ALWAYS: Final = (401, 403, 422, 500, 503)
_OF_A_BODY: Final = (400, 413, 415)
_CONFLICTS: Final = frozenset(
    {
        "post_baseline",
        "post_expectation",
        "post_expectation_end",
        "post_batch",
        "post_lease",
        "promote",
        "roll_back",
        "post_proposal",
        "post_rejection",
    }
)
_NEVER_MISSING: Final = frozenset({"list_batches", "list_proposals", "get_basis", "post_erase"})
_ONCE: Final = frozenset({"post_batch", "post_lease", "roll_back"})
_QUERIES: Final[Mapping[str, Json]] = {
    "state": {"type": "string", "enum": list(STATES), "description": "all by default"},
    "model": {"type": "string", "description": "name@version; the version in force by default"},
    "class": {"type": "string", "description": "one class; all by default"},
    "factor": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": MAX_FACTOR,
        "description": "of the class's share; 2, 3 and 0.5 by default",
    },
    "since": {"type": "integer", "minimum": 0, "description": "seconds since 1970"},
    "limit": {"type": "integer", "minimum": 1},
    "format": {"type": "string", "enum": list(FORMS), "default": "jsonl"},
    "annotator": {"type": "string", "description": "who labelled the rows that name nobody"},
    "tool": {"type": "string", "enum": list(SETTINGS), "default": "label_studio"},
}
_OWN_QUERIES: Final[Mapping[str, Mapping[str, Json]]] = {
    "get_labels": {
        "format": {"type": "string", "enum": list(FILES), "default": "jsonl"},
        "model": {"type": "string", "description": "name@version; all by default"},
        "batch": {"type": "string", "description": "id of a batch; all by default"},
    },
    "get_estimates": {
        "batch": {"type": "string", "description": "id of a batch; all of traffic as it is now by default"},
        "mode": {"type": "string", "enum": list(MODES), "default": "mixed"},
    },
}


def document_route(routes: Sequence[BaseRoute]) -> Route:
    """Return the route of the document that describes `routes`; it is made when first asked for."""

    @cache
    def content() -> bytes:
        return msgspec.json.encode(document(routes))

    async def answer(_: Request) -> Response:
        return Response(content(), media_type=JSON_TYPE)

    return Route(DOCUMENT_PATH, answer, methods=["GET"], name="document")


def document(routes: Iterable[BaseRoute]) -> Json:
    """Return the OpenAPI 3.1 document of predict, the probes and those of `routes` that are declared."""
    declared = [route.declared for route in routes if isinstance(route, DeclaredRoute)]
    paths: dict[str, Json] = {PATH: {"post": _predict()}, **_probes()}
    for each in declared:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    bodies = {each.body for each in declared if each.body is not None}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Seamark", "version": version("seamark"), "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": _schemas({PredictRequest, PredictReply, LabelsReply, Problem, *bodies}),
            "responses": _problem_responses(),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"A key of one of the scopes {', '.join(SCOPES)}.",
                }
            },
        },
    }


def _schemas(structs: Iterable[type]) -> Json:
    by_name = sorted(structs, key=lambda each: each.__name__)
    _, components = msgspec.json.schema_components(by_name, ref_template=_REF)
    # A bundle takes the one or the other; the structs can only say that both are optional.
    components["Item"]["oneOf"] = [{"required": [name]} for name in ("text", "features")]
    return components


def _predict() -> Json:
    request_id = {"type": "string", "pattern": "^[A-Za-z0-9._~:/+=-]{1,128}$"}
    either = {"anyOf": [_ref(PredictReply), _ref(LabelsReply)]}
    answer = _answer((JSON_TYPE,), either, "One prediction an item, in the order of the items.")
    answer["headers"] = {"Seamark-Request-Id": {"schema": request_id}}
    return {
        "operationId": "predict",
        "summary": "Classify 1 to 256 items.",
        "tags": ["predict"],
        "security": _security(("predict",)),
        "parameters": [
            _parameter("probabilities", "query", {"type": "boolean", "default": False}),
            _parameter("Seamark-Request-Id", "header", request_id),
        ],
        "requestBody": _request_body((JSON_TYPE,), _ref(PredictRequest)),
        "responses": {"200": answer, **_problem_refs(*_OF_A_BODY, *_ALWAYS)},
    }


def _probes() -> dict[str, Json]:
    def probe(name: str, says: str, *, content: Json | None = None, problems: tuple[int, ...] = ()) -> Json:
        found: Json = {"description": says} | ({"content": content} if content else {})
        return {
            "get": {
                "operationId": name,
                "summary": says,
                "tags": ["probes"],
                "responses": {"200": found, **_problem_refs(*problems)},
            }
        }

    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "/livez": probe("livez", "The process is up."),
        "/readyz": probe("readyz", "A bundle is loaded.", problems=(503,)),
        "/metrics": probe("metrics", "What Prometheus scrapes.", content=text),
        DOCUMENT_PATH: probe("document", "This document.", content={JSON_TYPE: {"schema": _OBJECT}}),
    }


def _operation(declared: Declared) -> Json:
    schema = _OBJECT if declared.replies == (JSON_TYPE,) else {}
    operation: Json = {
        "operationId": declared.name,
        "summary": declared.says,
        "tags": [declared.path.split("/")[2]],
        "security": _security(declared.scopes),
        "parameters": _parameters(declared),
        "responses": {
            "200": _answer(declared.replies, schema, declared.says),
            **_problem_refs(*_statuses(declared)),
        },
    }
    if declared.method == "POST":
        body = {} if declared.body is None else _ref(declared.body)
        operation["requestBody"] = _request_body(declared.accepts, body)
    if declared.local_only:
        operation["description"] = "Without configured keys, the local host only."
    return operation


def _parameters(declared: Declared) -> list[Json]:
    in_path = re.findall(r"{(\w+)}", declared.path)
    found = [_parameter(name, "path", {"type": "string"}, required=True) for name in in_path]
    own = _OWN_QUERIES.get(declared.name, {})
    found += [_parameter(name, "query", own.get(name) or _QUERIES[name]) for name in declared.queries]
    if declared.name in _ONCE:
        key = {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY}
        found.append(_parameter("Idempotency-Key", "header", key))
    return found


def _statuses(declared: Declared) -> list[int]:
    statuses = [*_ALWAYS]
    if declared.name not in _NEVER_MISSING:
        statuses.append(404)
    if declared.name in _CONFLICTS:
        statuses.append(409)
    if declared.method == "POST":
        statuses += _OF_A_BODY
    return statuses


def _problem_responses() -> dict[str, Json]:
    titles: dict[int, dict[str, str]] = defaultdict(dict)
    for kind in (*PROBLEMS.values(), UNEXPECTED):
        if kind.status != _NOBODY_READS:
            titles[kind.status][TYPE_PREFIX + kind.name] = kind.title
    return {
        f"Problem{status}": _answer(
            (CONTENT_TYPE,),
            {"allOf": [_ref(Problem), {"properties": {"type": {"enum": list(by_type)}}}]},
            "; ".join(by_type.values()),
        )
        for status, by_type in sorted(titles.items())
    }


def _problem_refs(*statuses: int) -> dict[str, Json]:
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def _security(scopes: Iterable[str]) -> list[Json]:
    return [{}, *({"key": [scope]} for scope in scopes)]


def _ref(struct: type) -> Json:
    return {"$ref": _REF.format(name=struct.__name__)}


def _answer(media_types: Iterable[str], schema: Json, says: str) -> Json:
    return {"description": says, "content": {each: {"schema": schema} for each in media_types}}


def _request_body(media_types: Iterable[str], schema: Json) -> Json:
    return {"required": True, "content": {each: {"schema": schema} for each in media_types}}


def _parameter(name: str, place: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": place, "required": required, "schema": schema}
