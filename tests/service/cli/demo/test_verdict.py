"""Each check of the demo passes on what was promised and fails on anything less."""

import json

import pytest

from service.cli.demo import verdict

SHIFT = {"class": "fraud", "reference": 0.03, "current": 0.06, "low": 0.05, "high": 0.07, "direction": "up"}
OTHER = SHIFT | {"class": "billing"}
CONFIG = b'<View><Text name="text" value="$text"/><Choices name="label" toName="text"/></View>'


@pytest.mark.parametrize(
    ("classes", "passed"),
    [([SHIFT], True), ([SHIFT, OTHER], True), ([OTHER, SHIFT], False), ([], False)],
    ids=["alone", "first", "second", "nobody"],
)
def test_the_class_must_come_first(classes: list[dict[str, object]], passed: bool) -> None:
    """The moved class has the strongest evidence, or the check fails."""
    assert verdict.alarm_names({"classes": classes}, "fraud").passed is passed


@pytest.mark.parametrize(("items", "passed"), [(2_000, True), (2_001, False)])
def test_the_delay_is_at_most_twice_the_plan(items: int, passed: bool) -> None:
    """Exactly twice is still in time."""
    assert verdict.delay_within(items, 1_000).passed is passed


@pytest.mark.parametrize(
    ("estimate", "passed"), [(16_000, True), (24_000, True), (15_999, False), (24_001, False)]
)
def test_the_start_is_within_a_fifth(estimate: int, passed: bool) -> None:
    """Too early fails as too late does."""
    assert verdict.start_near(estimate, 20_000).passed is passed


@pytest.mark.parametrize(("fraud", "passed"), [(18, True), (17, False)])
def test_the_batch_holds_the_class_at_three_times_its_rate(fraud: int, passed: bool) -> None:
    """18 of 100 are three times 6 %; 17 are not."""
    labels = ["fraud"] * fraud + ["billing"] * (100 - fraud)
    assert verdict.batch_is_rich(labels, "fraud", 0.06).passed is passed


def exports(n_lines: int, n_rows: int, fields: tuple[str, ...] = ("text",)) -> dict[str, bytes]:
    """Return three exports of so many items."""
    return {
        "jsonl": b'{"key": "a"}\n' * n_lines,
        "csv": b"key,text\n" + b"a,b\n" * n_rows,
        "label_studio": json.dumps([{"data": dict.fromkeys(fields, "x")}] * n_lines).encode(),
    }


@pytest.mark.parametrize(
    ("n_rows", "fields", "passed"),
    [(2, ("text",), True), (1, ("text",), False), (2, ("body",), False)],
    ids=["agree", "a row is missing", "a task lacks what the config shows"],
)
def test_the_exports_must_agree(n_rows: int, fields: tuple[str, ...], passed: bool) -> None:
    """All three hold every item, and each task has the field that the labeling config shows."""
    assert verdict.exports_agree(exports(2, n_rows, fields), CONFIG, 2).passed is passed


@pytest.mark.parametrize(
    ("second", "passed"),
    [({"accepted": 0, "repeated": 5}, True), ({"accepted": 5, "repeated": 0}, False)],
    ids=["once", "twice"],
)
def test_a_label_counts_once(second: dict[str, int], passed: bool) -> None:
    """The same labels again must all be known already."""
    assert verdict.counted_once({"accepted": 5, "repeated": 0}, second, 5).passed is passed


@pytest.mark.parametrize(
    ("state", "alarms", "passed"), [("calm", 0, True), ("drift", 1, False), ("blind", 0, False)]
)
def test_calm_is_the_only_end_without_drift(state: str, alarms: int, passed: bool) -> None:
    """An alarm fails, and so does a detector that saw nothing."""
    assert verdict.calm(state, alarms, 30_000).passed is passed
