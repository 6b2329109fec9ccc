"""Every error becomes one problem of RFC 9457."""

import inspect
import json

import pytest

from model_store import errors as model_errors
from monitoring import errors as monitoring_errors
from service import problems
from service.problems import PROBLEMS, FieldInvalid, MethodNotAllowed, Refusal, kind_of

ALL = [
    error
    for module in (problems, model_errors, monitoring_errors)
    for _, error in inspect.getmembers(module, inspect.isclass)
    if issubclass(error, Exception) and error.__module__ == module.__name__
]
BASES = {"Refusal", "BodyInvalid", "ModelStoreError", "BundleError", "StoreError", "MonitoringError"}
# A fit raises them, or a plan; no service.
OFFLINE = {"RowsError", "ImportRefused", "TargetError", "TrainingError", "PlanRefused"}


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_the_service_may_meet_has_a_status(error: type[Exception]) -> None:
    """No error of ours falls through to 500 because somebody forgot the table."""
    if error.__name__ not in BASES | OFFLINE:
        assert any(parent in PROBLEMS for parent in error.__mro__)


def test_types_are_stable_names() -> None:
    """Each kind has its own type; statuses are client or server errors."""
    titles: dict[str, set[tuple[int, str]]] = {}
    for kind in PROBLEMS.values():
        titles.setdefault(kind.name, set()).add((kind.status, kind.title))
    assert all(len(each) == 1 for each in titles.values())
    assert all(400 <= kind.status < 600 for kind in PROBLEMS.values())


def test_a_field_error_names_field_and_limit() -> None:
    """The body has type, title, status, detail, field and allowed."""
    body = json.loads(problems.body(FieldInvalid("$.items", "expected an array")))
    assert body == {
        "type": "urn:seamark:problem:field-invalid",
        "title": "Field is not allowed",
        "status": 422,
        "detail": "$.items: expected an array",
        "field": "$.items",
        "allowed": "expected an array",
    }


def test_an_unexpected_error_shows_nothing_of_itself() -> None:
    """What nobody foresaw is a 500 without its message."""
    body = problems.body(RuntimeError("a secret"))
    assert b"secret" not in body
    assert json.loads(body)["status"] == 500


def test_headers_go_with_the_problem() -> None:
    """405 lists the methods; the nearest listed class decides."""

    class Narrower(MethodNotAllowed):
        pass

    assert problems.headers(Narrower("GET", "POST"))["Allow"] == "GET, POST"
    assert kind_of(Refusal()) is problems.UNEXPECTED
