"""The published document says what the service does: its routes, its bodies, its problems."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from msgspec import structs
from starlette.routing import Route

from model_store.model import Model
from model_store.store import ModelStore
from service.exchange import DeclaredRoute
from service.lane import Seat
from service.openapi import document
from service.problems import PROBLEMS, TYPE_PREFIX, UNEXPECTED
from service.routes import routes
from service.settings import Settings
from tests.support import bundles
from tests.support.desk import Desk, current_of
from tests.support.house import House

ROUTES: Final = routes(Seat())
DOCUMENT: Final[dict[str, Any]] = json.loads(json.dumps(document(ROUTES)))
OPERATIONS: Final = {
    (method.upper(), path): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
each_operation = pytest.mark.parametrize(
    ("path", "operation"),
    [(path, operation) for (_, path), operation in OPERATIONS.items()],
    ids=[f"{method} {path}" for method, path in OPERATIONS],
)


def resolved(reference: str) -> Any:
    """Return what a reference of the document leads to."""
    found: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object within `value`."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def violations(instance: Any, schema: dict[str, Any]) -> list[str]:
    """Return where `instance` breaks a schema of the document."""
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]


def content(method: str, path: str, status: int) -> dict[str, Any]:
    """Return the declared media types of a reply, with their schemas."""
    response = OPERATIONS[method, path]["responses"][str(status)]
    declared: dict[str, Any] = (resolved(response["$ref"]) if "$ref" in response else response)["content"]
    return declared


def test_it_introduces_this_service_and_no_other() -> None:
    """Name, version and description are ours; the framework's advertisement and contact are gone."""
    info = DOCUMENT["info"]
    assert (DOCUMENT["openapi"], info["title"], info["version"]) == ("3.1.0", "Seamark", version("seamark"))
    assert "mix of classes" in info["description"]
    assert "bentoml" not in json.dumps(DOCUMENT).lower()


def test_every_route_is_described() -> None:
    """Predict, all of `/v1`, the probes and the document itself: nothing more, nothing less."""
    served = {
        (method, route.path)
        for route in ROUTES
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    others = {("GET", path) for path in ("/livez", "/readyz", "/metrics", "/docs.json")}
    assert OPERATIONS.keys() == served | others | {("POST", "/predict")}
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def test_references_lead_somewhere_and_schemas_are_schemas() -> None:
    """A generator of clients could read all of it."""
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert all(resolved(reference) for reference in references)
    schemas = [node["schema"] for node in nodes(DOCUMENT["paths"]) if "schema" in node]
    for schema in (*schemas, *DOCUMENT["components"]["schemas"].values()):
        Draft202012Validator.check_schema(schema)


@each_operation
def test_an_operation_is_complete(path: str, operation: dict[str, Any]) -> None:
    """A summary, each variable of the path as a parameter, and a body where there is something to send."""
    assert operation["summary"].endswith(".")
    declared = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]
    assert declared == re.findall(r"{(\w+)}", path)
    assert all(answer.get("description") or answer.get("$ref") for answer in operation["responses"].values())
    assert ("requestBody" in operation) == ("415" in operation["responses"])


def test_predict_has_its_limits_and_its_problems() -> None:
    """The numbers of the schema are those the decoder enforces; every refusal is a problem."""
    predict = OPERATIONS["POST", "/predict"]
    assert predict["responses"].keys() == {"200", "400", "401", "403", "413", "415", "422", "500", "503"}
    request = resolved(predict["requestBody"]["content"]["application/json"]["schema"]["$ref"])
    assert request["properties"]["items"]["maxItems"] == 256
    item = resolved("#/components/schemas/Item")
    assert item["properties"]["text"]["maxLength"] == 32 * 1024
    assert item["additionalProperties"] is False


def test_every_problem_is_named_under_its_status() -> None:
    """The types of a status are those of the table; 499 is for the log alone."""
    listed = {
        (int(name.removeprefix("Problem")), kind)
        for name, response in DOCUMENT["components"]["responses"].items()
        for kind in response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"][
            "type"
        ]["enum"]
    }
    kinds = [kind for kind in (*PROBLEMS.values(), UNEXPECTED) if kind.status != 499]
    assert listed == {(kind.status, TYPE_PREFIX + kind.name) for kind in kinds}


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        ({"items": [{"text": "billing or login", "id": "a"}, {"text": "?"}]}, b"probabilities=true", 200),
        ({"items": [{"text": "billing"}]}, b"", 200),
        (b"{", b"", 400),
        (b"x" * 100_000, b"", 413),
        ({"items": []}, b"", 422),
    ],
    ids=["probabilities", "decisions", "not JSON", "too large", "bad field"],
)
def test_predict_answers_what_is_declared(desk: Desk, body: Any, query: bytes, status: int) -> None:
    """Replies and problems fit their schemas, and the good request fits its own."""
    answered, reply = desk.ask(body, query=query)
    assert answered == status
    (schema,) = (each["schema"] for each in content("POST", "/predict", status).values())
    assert violations(reply, schema) == []
    request = OPERATIONS["POST", "/predict"]["requestBody"]["content"]["application/json"]["schema"]
    assert bool(violations(body if isinstance(body, dict) else "", request)) == (status != 200)


@pytest.mark.parametrize("query", [b"", b"probabilities=true"])
def test_rows_and_several_labels_are_declared_too(
    features_model: Model, labels_model: Model, query: bytes
) -> None:
    """An item has a text or features, never both; a prediction a label or labels."""
    request = OPERATIONS["POST", "/predict"]["requestBody"]["content"]["application/json"]["schema"]
    (declared,) = (each["schema"] for each in content("POST", "/predict", 200).values())
    row: dict[str, Any] = {"features": bundles.tiny_item("billing", amount=3.5), "id": "a"}
    text: dict[str, Any] = {"text": "billing or login"}
    keys = []
    for model, item in ((features_model, row), (labels_model, text)):
        body = {"items": [item, item]}
        assert violations(body, request) == []
        status, reply = Desk(current_of(model)).ask(body, query=query)
        assert (status, violations(reply, declared)) == (200, [])
        keys.append(set(reply["predictions"][0]) & {"label", "labels"})
    assert keys == [{"label"}, {"labels"}]
    assert violations({"items": [row | text]}, request)
    assert violations({"items": [{"id": "a"}]}, request)
    assert violations({"items": [{"features": {"amount": [1]}}]}, request)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield everything behind the routes, over a tiny bundle."""
    bundles.publish_tiny(ModelStore(tmp_path / "models"))
    opened = House(Settings(store=tmp_path / "models", state=tmp_path / "state"))
    yield opened
    opened.worker.state.close()


@pytest.mark.parametrize(
    ("method", "path", "asked", "options", "status"),
    [
        ("GET", "/v1/drift", "/v1/drift", {}, 200),
        ("GET", "/v1/drift", "/v1/drift?model=no@1", {}, 404),
        ("GET", "/v1/drift/history", "/v1/drift/history?limit=0", {}, 422),
        ("GET", "/v1/drift/plan", "/v1/drift/plan?class=login", {}, 200),
        ("GET", "/v1/drift/plan", "/v1/drift/plan?factor=1", {}, 422),
        ("GET", "/v1/drift/alarms/{alarm}", "/v1/drift/alarms/no", {}, 404),
        ("POST", "/v1/drift/alarms/{alarm}/false", "/v1/drift/alarms/no/false", {"json": {"by": "kim"}}, 422),
        ("POST", "/v1/drift/baseline", "/v1/drift/baseline", {"json": {"by": "kim"}}, 404),
        (
            "POST",
            "/v1/drift/expect/end",
            "/v1/drift/expect/end",
            {"json": {"by": "kim", "class": "login"}},
            409,
        ),
        ("GET", "/v1/batches", "/v1/batches", {}, 200),
        ("POST", "/v1/batches", "/v1/batches", {"json": {"by": "kim"}}, 404),
        ("POST", "/v1/batches/{batch}/close", "/v1/batches/no/close", {"content": "{"}, 415),
        ("POST", "/v1/batches/{batch}/labels", "/v1/batches/no/labels", {"json": 1}, 422),
        ("GET", "/v1/batches/{batch}/items", "/v1/batches/no/items", {}, 404),
        ("GET", "/v1/models", "/v1/models", {}, 200),
        (
            "POST",
            "/v1/models/rollback",
            "/v1/models/rollback",
            {"json": {"who": "kim", "why": "worse"}},
            409,
        ),
        (
            "POST",
            "/v1/models/rollback",
            "/v1/models/rollback",
            {"json": {"who": "kim", "why": "worse", "from": "7"}, "headers": {"Idempotency-Key": "k"}},
            409,
        ),
    ],
)
def test_the_routes_answer_what_is_declared(
    house: House, method: str, path: str, asked: str, options: dict[str, Any], status: int
) -> None:
    """Status, media type and schema of a reply are among those of its operation."""
    answer = house.local.request(method, asked, **options)
    assert answer.status_code == status, answer.text
    declared = content(method, path, status)
    assert answer.headers["content-type"] in declared
    assert violations(answer.json(), declared[answer.headers["content-type"]]["schema"]) == []


@pytest.mark.parametrize(
    "route", [each for each in ROUTES if isinstance(each, DeclaredRoute) and each.declared.body], ids=str
)
def test_a_declared_body_is_the_one_the_route_decodes(house: House, route: DeclaredRoute) -> None:
    """A body that breaks the struct is refused with the names of the struct's own fields."""
    assert route.declared.body is not None
    path = route.path.replace("{batch}", "no").replace("{alarm}", "no").replace("{version}", "1")
    answer = house.local.post(path, json={"no such field": 1})
    assert answer.status_code == 422
    fields = ", ".join(each.encode_name for each in structs.fields(route.declared.body)) or "none"
    assert answer.json()["allowed"] == f"unknown field; allowed are {fields}"
