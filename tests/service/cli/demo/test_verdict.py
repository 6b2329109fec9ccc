"""Each check of the demo passes on what was promised and fails on anything less."""

import json
from dataclasses import asdict
from io import StringIO

import pytest
from rich.console import Console

from service.cli.demo import verdict
from service.cli.demo.command import summary
from service.cli.demo.hidden import Stretch
from service.cli.demo.verdict import Check

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


@pytest.mark.parametrize(
    ("scores", "passed"), [([{"name": "scores", "statistic": 22.0}], True), ([], False)], ids=["both", "one"]
)
def test_each_stream_has_to_tell(scores: list[dict[str, object]], passed: bool) -> None:
    """Evidence that is just enough is enough; a stream that is not there tells nothing."""
    status = {"threshold": 22.0, "streams": [{"name": "classes", "statistic": 40.0}, *scores]}
    assert verdict.streams_tell(status, ("classes", "scores")).passed is passed
    weak = {"threshold": 22.0, "streams": [{"name": "classes", "statistic": 21.9}]}
    assert not verdict.streams_tell(weak, ("classes",)).passed


@pytest.mark.parametrize(("items", "passed"), [(2_000, True), (2_001, False)])
def test_the_delay_is_at_most_twice_the_plan(items: int, passed: bool) -> None:
    """Exactly twice is still in time."""
    assert verdict.delay_within(items, 1_000, 2.0).passed is passed


def start(estimate: int, *, truth: int = 20_000, raised: int = 30_000, planned: float = 3_000) -> Check:
    """Return the check of an estimate, in buckets of 750 items."""
    return verdict.start_near(estimate, truth, raised=raised, items_to_detect=planned, bucket_items=750)


@pytest.mark.parametrize(
    ("estimate", "planned", "passed"),
    [
        (17_000, 3_000, True),
        (23_000, 3_000, True),
        (16_999, 3_000, False),
        (23_001, 3_000, False),
        (24_000, 9_000, True),
        (24_001, 9_000, False),
        (21_500, 100, True),
        (21_501, 100, False),
    ],
    ids=[
        "a plan early",
        "a plan late",
        "earlier than a plan",
        "later than a plan",
        "a fifth off",
        "more than a fifth off",
        "two buckets off",
        "more than two buckets off",
    ],
)
def test_the_start_is_within_a_fifth_and_within_the_plan(estimate: int, planned: int, passed: bool) -> None:
    """The narrower of the two counts, but never less than what buckets can tell."""
    assert start(estimate, planned=planned).passed is passed


def test_a_start_that_is_the_alarm_is_no_estimate() -> None:
    """However near to the change the alarm came, a beginning lies before it; the error is shown in items."""
    assert start(20_600, raised=20_601).passed
    late = start(20_600, raised=20_600)
    assert not late.passed
    assert late.seen == "item 20,600, +600 items"


def test_the_table_of_checks_folds_at_words() -> None:
    """In 80 columns each promise stays on one line, and no figure is cut."""
    checks = [
        verdict.calm("calm", 0, 20_256),
        verdict.alarm_names({"classes": [SHIFT, OTHER, OTHER | {"class": "no_class_passes"}]}, "fraud"),
        verdict.delay_within(12_112, 11_690, 2.0),
        start(20_900),
        verdict.batch_is_rich(["fraud"] * 3, "fraud", 0.021, 3.0),
        verdict.exports_agree(exports(2, 2), CONFIG, 2),
        verdict.counted_once([({"accepted": 200}, {"accepted": 0, "repeated": 200})], 200),
    ]
    before = Stretch("before", items=10_000, positives=200, flagged=900, hits=190)
    value = {
        "items": 1,
        "seconds": 1.0,
        "service": None,
        "checks": [asdict(each) for each in checks],
        "hidden_truth": [before.to_json()],
        "labels": 400,
    }
    console = Console(width=80, record=True, file=StringIO())
    console.print(summary(value))
    shown = console.export_text()
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
    assert "95.0%" in shown
    assert "400" in shown
    for check in checks:
        assert check.name in shown
        for word in (*check.seen.split(), *check.expected.split()):
            assert word in shown


@pytest.mark.parametrize(("fraud", "passed"), [(18, True), (17, False)])
def test_the_batch_holds_the_class_at_three_times_its_rate(fraud: int, passed: bool) -> None:
    """18 of 100 are three times 6 %; 17 are not."""
    labels = ["fraud"] * fraud + ["billing"] * (100 - fraud)
    assert verdict.batch_is_rich(labels, "fraud", 0.06, 3.0).passed is passed


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
    assert verdict.counted_once([({"accepted": 5, "repeated": 0}, second)], 5).passed is passed


@pytest.mark.parametrize(
    ("refusal", "passed"), [("1 batch is open, at most 1 may be", True), ("", False), ("busy", False)]
)
def test_no_batch_is_made_while_one_is_open(refusal: str, passed: bool) -> None:
    """Only a refusal that names the open batches counts."""
    assert verdict.open_batches_hold(refusal).passed is passed


@pytest.mark.parametrize(
    ("refusals", "passed"), [(["400 of today's 400 labels"], True), ([], False), (["busy"], False)]
)
def test_the_budget_has_to_stop_the_last_batch(refusals: list[str], passed: bool) -> None:
    """Only a refusal that names the day's labels counts."""
    assert verdict.budget_holds(refusals).passed is passed


@pytest.mark.parametrize(
    ("during", "after", "passed"),
    [(84, 85, [True, True]), (85, 85, [False, True]), (84, 84, [True, False])],
)
def test_recall_must_fall_and_come_back(during: int, after: int, passed: list[bool]) -> None:
    """Below the target during the change, at it or above after the repair."""
    stretches = [Stretch("any", 1_000, 100, 100, hits) for hits in (95, during, after)]
    assert [each.passed for each in verdict.recall_fell_and_is_back(stretches, 0.85)] == passed


def claim(status: str, *, lower: float, needs: dict[str, object] | None) -> dict[str, object]:
    """Return what a proposal says of a class."""
    return {
        "class": "fraud",
        "new": {"status": status, "recall_lower": lower},
        "target": {"recall": 0.85},
        "needs": needs,
        "explored_positives": 3,
    }


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        (claim("certified", lower=0.86, needs=None), True),
        (claim("certified", lower=0.84, needs=None), False),
        (claim("empirical", lower=0.0, needs={"labels": 900}), True),
        (claim("empirical", lower=0.0, needs=None), False),
    ],
)
def test_what_is_not_proved_must_say_what_it_lacks(said: dict[str, object], passed: bool) -> None:
    """A certificate needs its bound, anything less the number of labels that is missing."""
    assert verdict.claims_only_what_is_proved(said).passed is passed


@pytest.mark.parametrize(("ended_by", "passed"), [("promotion", True), ("calm", False), (None, False)])
def test_the_alarm_has_to_end_by_the_promotion(ended_by: str | None, passed: bool) -> None:
    """An alarm that is open, or ended by itself, was not closed by the repair."""
    assert verdict.alarm_closed([{"ended_by": ended_by}]).passed is passed


@pytest.mark.parametrize(
    ("state", "alarms", "passed"),
    [("calm", 0, True), ("calm", 1, False), ("drift", 1, False), ("warming", 0, False), ("blind", 0, False)],
)
def test_calm_is_the_only_end_without_drift(state: str, alarms: int, passed: bool) -> None:
    """An alarm fails, also one that cleared, and so does a detector that saw too little or nothing."""
    assert verdict.calm(state, alarms, 30_000).passed is passed
