"""How soon a change would be noticed, and what can never be."""

import math
from dataclasses import replace

import numpy as np
import pytest

from monitoring.scanning.dispersion import Dispersion, estimate
from monitoring.scanning.evidence import class_evidence
from monitoring.scanning.planning import baseline_reading, false_alarm_words, items_to_detect, time_to_detect
from monitoring.scanning.spans import Span
from tests.monitoring.traffic_kinds import repeated, swinging, walking


def plan(share: float = 0.04, ratio: float = 2.0, **changes: object) -> int | None:
    """Return `items_to_detect` under ordinary conditions, with `changes`."""
    ordinary = {"threshold": 16.5, "weight": 0.75, "bucket_items": 20.0, "reference_items": 20_000.0}
    return items_to_detect(share, ratio, **{**ordinary, **changes})


def test_planning_gives_items_that_shrink_with_the_change_and_grow_with_tolerance():
    """A larger change is found sooner, a tolerance or a smaller reference makes it later."""
    assert plan(ratio=3.0) < plan(ratio=2.0) < plan(ratio=1.5)
    assert plan() < plan(tolerance=0.1)
    assert plan(reference_items=math.inf) < plan() < plan(reference_items=3_000.0)


@pytest.mark.parametrize(
    "impossible",
    [
        pytest.param({"ratio": 1.05, "tolerance": 0.1}, id="within the tolerance"),
        pytest.param({"share": 0.6}, id="twice the share is more than all"),
        pytest.param({"share": 0.0}, id="absent from the reference"),
        pytest.param({"reference_items": 300.0}, id="reference too small"),
        pytest.param({"weight": 0.0}, id="not watched"),
        pytest.param({"ratio": 1.0}, id="no change"),
    ],
)
def test_planning_says_when_a_change_cannot_be_noticed(impossible: dict[str, float]):
    """None, not a number that will never come true."""
    assert plan(**impossible) is None


def test_a_class_that_vanishes_can_be_planned_for():
    """A fall to nothing has a finite answer too."""
    assert 0 < plan(ratio=0.0) < plan(ratio=0.5)


def dispersion(*, growing: bool = False) -> Dispersion:
    """Return the dispersion of two classes whose items arrive four times, or whose shares wander."""
    rng = np.random.default_rng(1)
    series = walking(1_024, 50, rng) if growing else repeated([0.96, 0.04], 2_000, 20, rng)
    return estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 2)])


def test_traffic_that_repeats_itself_takes_as_much_longer_as_it_varies():
    """About seven times as many items where items arrive four times on average."""
    clumped = plan(dispersion=dispersion(), column=1, reference_items=100_000.0)
    assert 4 * plan(reference_items=100_000.0) < clumped < 12 * plan(reference_items=100_000.0)


def test_a_small_change_drowns_where_variance_grows_with_the_window():
    """Waiting longer does not help then."""
    assert plan(ratio=1.3, reference_items=1e6, dispersion=dispersion(growing=True)) is None


def test_planned_items_are_about_those_that_the_scan_needs():
    """Where the change's window and the reference are as planned, its statistic is near the threshold."""
    items = plan(share=0.05, reference_items=50_000.0)
    buckets = items // 20
    counts = np.array([[items - round(items * 0.1), round(items * 0.1)]])
    evidence, _ = class_evidence(
        counts[:, 1:],
        items,
        2_500.0,
        50_000.0,
        lengths=np.array([[buckets]]),
        log_weights=np.log([[0.75], [0.25]]),
    )
    assert float(evidence[0, 0]) == pytest.approx(16.5, rel=0.15)


def test_time_is_items_over_rate():
    """Without a rate, or where it is never, there is no time."""
    assert time_to_detect(640, items_per_second=0.5) == 1_280.0
    assert time_to_detect(None, items_per_second=0.5) is None
    assert time_to_detect(640, items_per_second=0.0) is None


def test_the_setting_is_put_in_words():
    """As an upper bound, which it is."""
    assert false_alarm_words(90 * 86_400.0) == "at most one false alarm in 90 days on average"


def read(**changes: object) -> str | None:
    """Return the reading of a baseline of a day in buckets of ten seconds, with `changes`."""
    rng = np.random.default_rng(2)
    series = rng.multinomial(50, [0.96, 0.04], size=8_640)
    found = estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 2)])
    usual = {"dispersion": found, "bucket_seconds": 10.0, "baseline_seconds": 86_400.0}
    return baseline_reading(**{**usual, **changes})


def test_a_baseline_of_a_full_cycle_is_long_enough():
    """Nothing is to be read."""
    assert read() is None
    assert read(baseline_seconds=3_600.0, period_seconds=1_800.0) is None


def test_a_baseline_shorter_than_its_cycle_says_what_it_does_not_promise():
    """What was found, what it costs, and what to do."""
    text = read(baseline_seconds=43_200.0, example=("fraud", 12_000))
    assert text is not None
    assert "12 hours) is shorter than a cycle (24 hours)" in text
    assert "false alarms are not guaranteed, fraud at twice its share would need about 12,000 items" in text
    assert text.endswith("provide a full cycle, two with a declared period, or turn deduplication on")
    counted_once = read(baseline_seconds=43_200.0, deduplicated=True)
    assert counted_once is not None
    assert counted_once.endswith("provide a full cycle, two with a declared period")


def test_a_season_needs_two_cycles():
    """With one the season is not fitted: safe, but late."""
    text = read(period_seconds=86_400.0)
    assert text is not None
    assert "too short to fit a season of 24 hours" in text


def test_growing_variance_is_said_first():
    """How long a span could be measured, and that longer ones are extrapolated."""
    text = read(dispersion=dispersion(growing=True))
    assert text is not None
    assert text.startswith("traffic still varies at the longest span this baseline can measure (21 minutes)")
    assert "extrapolated variance" in text


def test_a_slow_swing_is_said():
    """The mix of a whole day that went up and down once is no proof of what other days are like."""
    series = swinging(8_640, 50, np.random.default_rng(3), share=0.04, swing=0.2)
    found = estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 2)])
    text = read(dispersion=replace(found, chains=(replace(found.chains[0], growing=False),)))
    assert text is not None
    assert text.startswith("traffic swung slowly over this baseline (24 hours); changes as slow")
    assert text.endswith("provide a full cycle, two with a declared period, or turn deduplication on")


def test_a_baseline_of_a_few_buckets_says_that_it_measured_nothing():
    """It is too short for the shortest scale."""
    found = estimate(np.array([[5, 5], [6, 4]]), np.array([[10], [10]]), [Span("mix", 0, 2)])
    text = read(dispersion=found, baseline_seconds=20.0)
    assert text is not None
    assert "too short to measure how traffic varies" in text
