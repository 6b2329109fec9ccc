"""What a backtest found, as JSON."""

from dataclasses import replace

import numpy as np

from monitoring.backtest.outcome import Shares
from tests.support.backtests import ALARM, SCAN, finding, found, shift


def test_shares_come_with_their_interval_those_that_differ_most_first():
    """Of a stretch without rows nothing is known."""
    shares = Shares(("a", "b", "c"), np.array([50, 30, 20]), np.array([55, 10, 35]))
    said = shares.to_json()
    assert [each["class"] for each in said] == ["b", "c", "a"]
    assert said[0]["low"] < said[0]["current"] == 0.1 < said[0]["high"]
    empty = Shares(("a",), np.array([5]), np.array([0])).to_json()
    assert (empty[0]["current"], empty[0]["low"], empty[0]["high"]) == (None, 0.0, 1.0)


def test_the_strongest_alarm_tells_what_is_shown():
    """What it names comes first, however little it differs."""
    weak = replace(ALARM, finding=replace(finding(shift()), statistic=10.0))
    scan = replace(SCAN, alarms=(weak, ALARM))
    assert scan.strongest is ALARM
    assert scan.moved == ("fraud",)
    assert scan.telling[0]["class"] == "fraud"
    assert SCAN.strongest is None
    assert SCAN.moved == ()


def test_json_has_the_alarms_and_no_evidence_of_single_buckets():
    """A long log has a short answer."""
    alarm = replace(ALARM, further=[(1.0, finding(shift("late")))])
    said = found(replace(SCAN, alarms=(alarm,))).to_json()
    (scan,) = said["scans"]
    assert said["alarms"] == 1
    assert scan["strongest"] == 7.25
    assert scan["alarms"][0]["further"][0]["finding"]["classes"][0]["name"] == "late"
    assert scan["twice_is_noticed_after_rows"] == {"billing": 200, "fraud": 2_508, "rare": None}
