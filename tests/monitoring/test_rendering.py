"""Alarms and findings as the interface shows them."""

import json
from dataclasses import asdict

from monitoring.detection.finding import ClassShift, Finding
from monitoring.rendering import alarm_json, finding_json
from monitoring.store import Alarm, Dated

SPAM = ClassShift("spam", 0.25, 0.5, 0.4, 0.6, "rise", 30.0)
SURE = ClassShift("top probability <= 0.9", 0.25, 0.5, 0.4, 0.6, "rise", 20.0, "scores")
FOUND = Finding(100.0, 50, 50, 5, 30.0, 20.0, (SPAM, SURE), ("spam",))


def test_classes_and_columns_are_told_apart() -> None:
    """What moved among the answers is a class; what moved of a measured quantity is a column."""
    shown = finding_json(FOUND.to_json())
    assert [each["class"] for each in shown["classes"]] == ["spam"]
    assert [(each["stream"], each["column"]) for each in shown["columns"]] == [
        ("scores", "top probability <= 0.9")
    ]
    assert not any("name" in each for each in (*shown["classes"], *shown["columns"]))


def test_a_finding_of_an_older_release_is_all_classes() -> None:
    """It knows of no streams."""
    stored = FOUND.to_json()
    stored["classes"] = [{key: value for key, value in asdict(SPAM).items() if key != "stream"}]
    assert [each["class"] for each in finding_json(stored)["classes"]] == ["spam"]


def test_an_open_alarm_takes_its_strongest_window_from_the_detector() -> None:
    """Once it has ended it has its own."""
    alarm = Alarm("a", "mail@1", 7, 150.0, 0, 1, FOUND, later=(Dated(160.0, FOUND),))
    strongest = {"statistic": 40.0, "since_time": 90.0, "items": 60, "at": 170.0}
    shown = json.loads(json.dumps(alarm_json(alarm, strongest=strongest)))
    assert shown["strongest"] == strongest
    assert (shown["since_time"], shown["raised_at"], shown["cleared_at"]) == (100.0, 150.0, None)
    assert (shown["later"][0]["at"], shown["later"][0]["finding"]["classes"][0]["class"]) == (160.0, "spam")
    assert (shown["acknowledged"], shown["marked_false"], shown["ended_by"]) == (None, None, None)
