"""The two services as BentoML builds them, in this process and without a port."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from model_store.store import ModelStore
from service import app
from service.lane import Lane
from service.settings import Settings
from tests.support import bundles

BODY = {"items": [{"text": "a billing question", "id": "a"}, {"text": "billing or login"}, {"text": "?"}]}


@dataclass
class Served:
    """The entry service through its lane and, behind it, as BentoML alone answers."""

    lane: TestClient
    ordinary: TestClient
    models: ModelStore


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start the entry service over a tiny bundle; its watcher is not started."""
    directory = tmp_path_factory.mktemp("served")
    models = ModelStore(directory / "models")
    bundles.publish_tiny(models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "SETTINGS", Settings(store=models.root, state=directory / "state"))
        asgi = app.Seamark.to_asgi()
        assert isinstance(asgi, Lane), (
            "BentoML no longer builds its application with Service.to_asgi: "
            "adapt service.lane.lane_service; until then the ordinary route answers"
        )
        with TestClient(asgi, client=("127.0.0.1", 1)) as lane:
            yield Served(lane, TestClient(asgi.app, client=("127.0.0.1", 1)), models)


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (json.dumps(BODY), ""),
        (json.dumps(BODY), "?probabilities=true"),
        (json.dumps(BODY), "?probabilities=perhaps"),
        ('{"items": []}', ""),
        ("{", ""),
    ],
    ids=["decisions", "probabilities", "bad query", "bad field", "not JSON"],
)
def test_lane_and_ordinary_route_give_the_same_bytes(served: Served, body: str, query: str) -> None:
    """Status, body and our headers are the same on both ways."""
    headers = {"Content-Type": "application/json", "Seamark-Request-Id": "same"}
    replies = [
        client.post(f"/predict{query}", content=body, headers=headers)
        for client in (served.lane, served.ordinary)
    ]
    lane, ordinary = replies
    assert lane.content == ordinary.content
    assert lane.status_code == ordinary.status_code
    assert lane.headers["content-type"] == ordinary.headers["content-type"]
    assert lane.headers["seamark-request-id"] == ordinary.headers["seamark-request-id"] == "same"
    # The lane is outside BentoML's middleware, the ordinary route is not.
    assert "server" not in lane.headers
    assert ordinary.headers["server"] == "BentoML Service/Seamark"


@pytest.mark.parametrize(
    ("kind", "items", "status"),
    [
        (
            "features",
            [{"features": bundles.tiny_item("login", amount=2.5)}, {"features": {"topic": "x"}}],
            422,
        ),
        ("features", [{"features": bundles.tiny_item("login", amount=2.5)}], 200),
        ("multilabel", [{"text": "billing and login"}, {"text": "?"}], 200),
    ],
    ids=["refused row", "row", "several labels"],
)
def test_both_ways_agree_on_rows_and_on_several_labels(
    served: Served, kind: bundles.Kind, items: list[object], status: int
) -> None:
    """Whatever a bundle takes and gives, the lane has no reply of its own."""
    worker = app.SEAT.worker
    assert worker is not None
    before = worker.swapper.current
    bundles.publish_tiny(served.models, kind=kind)
    new = worker.swapper.next()
    assert before is not None
    assert new is not None
    worker.swapper.install(new)
    try:
        lane, ordinary = (
            client.post("/predict?probabilities=true", json={"items": items})
            for client in (served.lane, served.ordinary)
        )
    finally:
        worker.swapper.install(before)
        served.models.promote("tiny", "1", who="tests", why="as it was", at=0.0)
    assert (lane.status_code, lane.content) == (status, ordinary.content)


def test_limits_hold_on_the_ordinary_route_too(served: Served) -> None:
    """BentoML has no body limit and parses forms; our route refuses both the same way."""
    large = served.ordinary.post(
        "/predict", content=b"x" * (5 * 2**20), headers={"Content-Type": "application/json"}
    )
    assert large.status_code == 413
    form = served.ordinary.post("/predict", data={"text": "a"})
    assert form.status_code == 415
    assert form.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_answered(served: Served, path: str) -> None:
    """Alive, and ready with a bundle loaded."""
    assert served.lane.get(path).status_code == 200


def test_without_a_bundle_the_service_is_not_ready(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """/readyz is a problem of status 503 then, and /livez stays 200."""
    worker = app.SEAT.worker
    assert worker is not None
    monkeypatch.setattr(worker.swapper, "current", None)
    answer = served.lane.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:seamark:problem:no-bundle"
    assert served.lane.get("/livez").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/predict", 405, "method-not-allowed"),
        ("DELETE", "/v1/drift", 405, "method-not-allowed"),
        ("POST", "/predict/more", 404, "nothing-here"),
        ("POST", "/predict/", 404, "nothing-here"),
        ("GET", "/v2/nothing", 404, "nothing-here"),
        ("GET", "/", 404, "nothing-here"),
    ],
)
def test_wrong_paths_and_methods_are_problems(
    served: Served, method: str, path: str, status: int, kind: str
) -> None:
    """404 and 405 have the form of every other error."""
    answer = served.lane.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:seamark:problem:{kind}"


@pytest.mark.parametrize("way", ["lane", "ordinary"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/predict", "POST"),
        ("/v1/drift", "GET, HEAD"),
        ("/v1/erase", "POST"),
        ("/v1/batches", "GET, HEAD, POST"),
        ("/v1/proposals", "GET, HEAD, POST"),
        ("/docs.json", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_every_right_one(served: Served, way: str, path: str, allowed: str) -> None:
    """Those of all routes that share the path, in the header and in the words."""
    answer = getattr(served, way).delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["detail"] == f"this path takes {allowed.replace(', ', ' or ')}"


def test_a_wrong_path_is_told_where_every_right_one_begins(served: Served) -> None:
    """Read off the routes, so that none is forgotten."""
    said = served.lane.get("/v2").json()["detail"]
    listed = set(said.removeprefix("no such path; this service has ").split(", "))
    begin = {"/".join(route.path.split("/")[:3]) for route in app.ROUTES.routes if isinstance(route, Route)}
    assert listed == begin | {"/predict", "/livez", "/readyz", "/metrics"}
    assert {"/v1/estimates", "/v1/proposals", "/v1/labels", "/v1/erase", "/docs.json"} <= listed


def test_the_services_are_configured_as_documented() -> None:
    """Loopback, no access log, no tracing, no probe of the watcher; the watcher is one process."""
    config = app.Seamark.config
    assert config["http"] == {"host": "127.0.0.1", "port": 3000}
    assert config["workers"] == 2
    assert config["runner_probe"] == {"enabled": False}
    for service in (app.Seamark, app.Monitor):
        assert service.config["logging"]["access"] == {"enabled": False}
        assert service.config["tracing"]["excluded_urls"] == ".*"
    assert app.Monitor.config["workers"] == 1
    assert list(app.Seamark.dependencies) == ["monitor"]


def test_bentoml_sees_no_path_but_its_own(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its metrics keep a series for every path ever asked for: ids and made-up paths must not reach it."""
    seen: list[str] = []
    lane = served.lane.app
    assert isinstance(lane, Lane)
    inner = lane.app

    async def spy(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await inner(scope, receive, send)

    monkeypatch.setattr(lane, "app", spy)
    for path in ("/v1/batches/secret", "/made/up", "/livez", "/docs.json", "/static_content/x.js"):
        served.lane.get(path)
    assert seen == ["/livez"]


def test_our_routes_are_there_without_the_lane_too(served: Served) -> None:
    """Should BentoML stop taking the lane, its own application still has them."""
    assert served.ordinary.get("/v1/models").json()["current"] == "1"


def test_the_published_document_is_ours_on_both_ways(served: Served) -> None:
    """BentoML has a document of its own at that path, about errors that no client of this service sees."""
    lane, ordinary = (client.get("/docs.json") for client in (served.lane, served.ordinary))
    assert lane.content == ordinary.content
    assert lane.headers["content-type"] == "application/json"
    document = lane.json()
    assert document["info"]["title"] == "Seamark"
    assert {"/predict", "/v1/drift"} <= document["paths"].keys()


@pytest.mark.parametrize("path", ["/schema.json", "/healthz"])
def test_what_says_nothing_of_its_own_is_not_there(served: Served, path: str) -> None:
    """BentoML's second schema and its second name for /livez are no part of the interface."""
    assert served.lane.get(path).status_code == 404
