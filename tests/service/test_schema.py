"""What a request may say of rows of a table; texts are in test_handler.py."""

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.errors import FeatureInvalid
from model_store.graphs.columns import MAX_COLUMNS
from model_store.model import Model
from service.problems import problem
from service.schema import MAX_FEATURES, MAX_TEXT_BYTES
from tests.support.bundles import UNKNOWN_ITEM, tiny_item
from tests.support.desk import Desk, current_of

CANARY = "xyzzy-canary-71f0"
LARGE = 2**22


@pytest.fixture(scope="module")
def desk(features_model: Model) -> Desk:
    """Return a desk with a model that takes rows of a table."""
    return Desk(current_of(features_model), max_body_bytes=LARGE)


def rows(*features: object) -> dict[str, object]:
    """Return a request body of these rows."""
    return {"items": [{"features": each} for each in features]}


def test_rows_are_decided_in_order(desk: Desk) -> None:
    """The reply is that of texts; null and what may be left out are the same."""
    gap = {"topic": "delivery", "urgent": True}
    body = rows(tiny_item("billing", amount=12.5), gap, {**gap, "amount": None}, UNKNOWN_ITEM)
    status, reply = desk.ask(body, query=b"probabilities=true")
    assert status == 200, reply
    sure, left_out, said_null, nothing = reply["predictions"]
    assert (sure["label"], sure["flags"][0]["class"], sure["review"]) == ("billing", "billing", None)
    assert left_out == said_null
    assert nothing["label"] is None


def test_a_whole_number_is_a_number(desk: Desk) -> None:
    """12 and 12.0 are decided alike."""
    answers = [desk.ask(rows({**tiny_item("login"), "amount": amount}))[1] for amount in (12, 12.0, 1.2e1)]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("body", "status", "field", "allowed"),
    [
        pytest.param(b'{"items": [{"features": {"amount": NaN}}]}', 400, None, None, id="NaN"),
        pytest.param(b'{"items": [{"features": {"amount": Infinity}}]}', 400, None, None, id="Infinity"),
        pytest.param(
            b'{"items": [{"features": {"amount": 1e999}}]}',
            422,
            "$.items[0].features.amount",
            "expected a number of at most 1.798e+308",
            id="1e999",
        ),
        pytest.param(
            b'{"items": [{"features": {"amount": %s}}]}' % (b"9" * 5_000),
            422,
            "$.items[0].features.amount",
            "expected a number of at most 1.798e+308",
            id="5,000 digits",
        ),
        pytest.param(
            b'{"items": [{"features": {"%s": 1e999}}]}' % CANARY.encode(),
            422,
            "$.items[0].features[...]",
            "expected a number of at most 1.798e+308, or a string",
            id="1e999 in an unknown column",
        ),
        pytest.param(
            b'{"items": [{"features": {"amount": 1e999}}',
            422,
            "$.items[0].features[...]",
            "expected a number of at most 1.798e+308, or a string",
            id="1e999 in a body that ends too early",
        ),
        pytest.param(
            rows(tiny_item("a"), {**tiny_item("a"), "amount": 10**400}),
            422,
            "$.items[1].features.amount",
            "a number",
            id="400 digits",
        ),
        pytest.param(rows([1, 2]), 422, "$.items[0].features", "an object of at most", id="a list"),
        pytest.param(rows(None), 422, "$.items[0].features", "an object of at most", id="null"),
        pytest.param(
            rows({"topic": {CANARY: 1}}), 422, "$.items[0].features.topic", "expected a string", id="nested"
        ),
        pytest.param(
            rows({f"f{i}": 1 for i in range(MAX_FEATURES + 1)}),
            422,
            "$.items[0].features",
            f"an object of at most {MAX_FEATURES} names",
            id="1,025 features",
        ),
        pytest.param(rows({"n" * 257: 1}), 422, "$.items[0].features", "of 1 to 256", id="long name"),
        pytest.param(rows({"": 1}), 422, "$.items[0].features", "of 1 to 256", id="empty name"),
        pytest.param(
            rows(tiny_item("a" * (MAX_TEXT_BYTES + 1))),
            422,
            "$.items[0].features.topic",
            f"expected a string of at most {MAX_TEXT_BYTES} characters",
            id="long text",
        ),
        pytest.param(
            rows({**tiny_item("a"), "amount": "12"}),
            422,
            "$.items[0].features.amount",
            "a number",
            id="text for a number",
        ),
        pytest.param(
            rows({**tiny_item("a"), "amount": True}),
            422,
            "$.items[0].features.amount",
            "a number",
            id="true for a number",
        ),
        pytest.param(
            rows({**tiny_item("a"), "urgent": 1}),
            422,
            "$.items[0].features.urgent",
            "true or false",
            id="1 for true",
        ),
        pytest.param(
            rows(tiny_item("a"), {**tiny_item("a"), "topic": None}),
            422,
            "$.items[1].features.topic",
            "a string",
            id="null where not allowed",
        ),
        pytest.param(
            rows({"topic": "a"}), 422, "$.items[0].features.urgent", "true or false", id="column left out"
        ),
        pytest.param(
            rows({**tiny_item("a"), CANARY: 1}),
            422,
            "$.items[0].features",
            "topic",
            id="unknown column",
        ),
        pytest.param({"items": [{"text": "hello"}]}, 422, "$.items[0].text", "takes features", id="a text"),
        pytest.param(
            {"items": [{"features": {}, "text": "hello"}]},
            422,
            "$.items[0].text",
            "takes features",
            id="both",
        ),
        pytest.param({"items": [{"id": "a"}]}, 422, "$.items[0].features", "missing", id="neither"),
    ],
)
def test_rows_that_are_refused(
    desk: Desk, body: object, status: int, field: str | None, allowed: str | None
) -> None:
    """The problem names item and column and what is allowed, and repeats neither values nor strange names."""
    answered, refused = desk.ask(body)
    assert answered == status
    assert refused.get("field") == field
    assert (allowed or "").lower() in refused.get("allowed", "").lower()
    assert CANARY not in json.dumps(refused)
    assert len(json.dumps(refused)) < 1_000


def test_all_texts_of_an_item_share_one_limit(desk: Desk) -> None:
    """32 KiB of UTF-8 together, as much as one text may have; not one byte more, in whatever column."""
    half = "é" * (MAX_TEXT_BYTES // 4)
    assert desk.ask(rows(tiny_item(half + half)))[0] == 200
    for features in (tiny_item(half + half + "a"), {"topic": half, "more": half + "a", "urgent": False}):
        status, refused = desk.ask(rows(features))
        assert (status, refused["field"]) == (422, "$.items[0].features")
        assert refused["allowed"] == (
            f"expected at most {MAX_TEXT_BYTES} bytes of UTF-8 in all its texts together"
        )


def test_every_column_of_a_bundle_can_be_sent() -> None:
    """A bundle that may have more columns than a request could not be asked."""
    assert MAX_COLUMNS <= MAX_FEATURES


def test_an_odd_column_name_is_quoted_in_the_path() -> None:
    """A path stays one that can be read, whatever a column is called."""
    assert problem(FeatureInvalid(3, 'net "amount" (€)', "missing")).field == (
        '$.items[3].features["net \\"amount\\" (€)"]'
    )
    assert problem(FeatureInvalid(0, "net_amount2", "missing")).field == "$.items[0].features.net_amount2"
    assert problem(FeatureInvalid(0, None, "3 unknown columns")).field == "$.items[0].features"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats()
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
NAMES = st.sampled_from(["topic", "amount", "urgent"]) | st.text(string.printable, max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(features=st.dictionaries(NAMES, VALUES, max_size=5) | VALUES)
def test_no_row_is_more_than_refused(desk: Desk, features: object) -> None:
    """Whatever stands where features may: 200, or a 4xx that names a field; never an error of ours."""
    desk.tally.outcomes["error"] = 0
    status, reply = desk.ask(rows(tiny_item("billing"), features))
    assert status in (200, 400, 422)
    assert status == 200 or reply["type"].startswith("urn:seamark:problem:")
    assert desk.tally.outcomes["error"] == 0


def test_a_row_is_counted_and_kept_as_its_json(desk: Desk, features_model: Model) -> None:
    """Counts are those of the decisions; what a labeler may see is the row with its names."""
    fresh = Desk(current_of(features_model))
    assert fresh.ask(rows(tiny_item("billing", amount=3.5), UNKNOWN_ITEM))[0] == 200
    sealed = fresh.sealed()
    assert sealed.items == 2
    assert {each.text for each in sealed.candidates} == {
        '{"amount": 3.5, "topic": "billing", "urgent": false}',
        '{"topic": "nothing known", "urgent": false}',
    }
