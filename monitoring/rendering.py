"""How do an alarm and its findings look as JSON? With their categories named as the interface names them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from monitoring.scanning.streams import CLASSES
from monitoring.store import Alarm, Dated


def alarm_json(alarm: Alarm, *, strongest: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return an alarm; `strongest` is the detector's strongest window so far while the alarm is open."""
    if not alarm.is_open:
        strongest = None if alarm.strongest is None else alarm.strongest.to_json()
    return {
        "id": alarm.id,
        "model": alarm.model_key,
        "since_time": alarm.finding.since_time,
        "raised_at": alarm.raised_at,
        "cleared_at": alarm.cleared_at,
        "ended_by": alarm.ended_by,
        "ended_cause": alarm.ended_cause,
        "finding": finding_json(alarm.finding.to_json()),
        "later": [_dated_json(each) for each in alarm.later],
        "strongest": strongest,
        "meaning": alarm.meaning,
        "acknowledged": None if alarm.acknowledged is None else asdict(alarm.acknowledged),
        "marked_false": None if alarm.marked_false is None else asdict(alarm.marked_false),
        "batch": alarm.batch_id,
        "batch_note": alarm.batch_note,
    }


def finding_json(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Return a finding: `classes` that moved, and `columns` of measured quantities that did."""
    classes = [each for each in finding["classes"] if each.get("stream", CLASSES) == CLASSES]
    columns = [each for each in finding["classes"] if each.get("stream", CLASSES) != CLASSES]
    return {
        **finding,
        "classes": [named(each, "class") for each in classes],
        "columns": [named(each, "column") for each in columns],
    }


def named(category: Mapping[str, Any], noun: str) -> dict[str, Any]:
    """Return a category, its name under `noun`, first."""
    return {noun: category["name"], **{key: value for key, value in category.items() if key != "name"}}


def _dated_json(dated: Dated) -> dict[str, Any]:
    return {"at": dated.at, "finding": finding_json(dated.finding.to_json())}
