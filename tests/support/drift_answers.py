"""What a service says of its drift: a status during an alarm, and its history."""

from typing import Any, Final

SHIFT: Final[dict[str, Any]] = {
    "class": "fraud",
    "reference": 0.01,
    "current": 0.029,
    "low": 0.024,
    "high": 0.035,
    "direction": "rise",
    "evidence": 28.1,
    "stream": "classes",
}
FINDING: Final[dict[str, Any]] = {
    "since_time": 1_795_559_628.5,
    "since_items": 2_500,
    "window_items": 2_500,
    "window_buckets": 2,
    "statistic": 28.1,
    "threshold": 21.9,
    "classes": [SHIFT],
    "columns": [],
    "watched": ["fraud"],
    "stream": "classes",
    "distance": 0.02,
}
LATER: Final[dict[str, Any]] = FINDING | {
    "since_time": 1_795_563_228.5,
    "classes": [SHIFT | {"class": "billing", "reference": 0.3, "current": 0.2, "low": 0.18, "high": 0.22}],
}
MEASURED: Final[dict[str, Any]] = FINDING | {
    "stream": "scores",
    "classes": [],
    "columns": [
        {"column": "top probability <= 0.62"} | {key: value for key, value in SHIFT.items() if key != "class"}
    ],
}
ALARM: Final[dict[str, Any]] = {
    "id": "a1",
    "model": "tickets@1",
    "since_time": FINDING["since_time"],
    "raised_at": 1_795_559_630.0,
    "cleared_at": None,
    "ended_by": None,
    "finding": FINDING,
    "later": [{"at": 1_795_563_230.0, "finding": LATER}],
    "strongest": {"statistic": 41.5, "since_time": 1_795_559_628.5, "items": 4_000, "at": 1_795_563_000.0},
    "acknowledged": {"at": 1_795_560_000.0, "by": "kim", "why": "looking at it"},
    "marked_false": None,
    "batch": None,
    "batch_note": None,
}
CLASSES: Final[list[dict[str, Any]]] = [
    SHIFT | {"detectable_items": 2_508},
    SHIFT
    | {"class": "billing", "reference": 0.99, "current": 0.971, "low": 0.965, "high": 0.976}
    | {"direction": "fall", "evidence": 3.0, "detectable_items": None},
]
STATUS: Final[dict[str, Any]] = {
    "model": "tickets@1",
    "state": "drift",
    "since": 1_795_559_630.0,
    "statistic": 41.5,
    "threshold": 21.9,
    "items": 26_000,
    "classes": CLASSES,
    "not_detectable": [],
    "streams": [
        {
            "name": "classes",
            "kind": "mix",
            "share": 0.7,
            "statistic": 41.5,
            "whole_mix": 9.0,
            "columns": None,
        },
        {
            "name": "scores",
            "kind": "cuts",
            "share": 0.3,
            "statistic": 5.5,
            "whole_mix": None,
            "columns": [
                {"name": "top probability <= 0.5", "evidence": 2.0, "current": 0.1, "reference": 0.08},
                {"name": "top probability <= 0.62", "evidence": 5.5, "current": 0.21, "reference": 0.15},
            ],
        },
    ],
    "baseline": {"kind": "frozen", "reading": "traffic still varies at the longest span"},
    "waiting": "",
    "alarm": FINDING,
    "findings": [LATER],
    "strongest": ALARM["strongest"],
    "meaning": None,
    "expectations": [
        {"class": "billing", "at": 0.0, "until": 1_795_600_000.0, "by": "kim", "why": "campaign"}
    ],
    "shadow": {"of": "tickets@0", "state": "calm", "statistic": 2.0, "threshold": 21.9},
    "last_alarm": ALARM,
}
HISTORY: Final[dict[str, Any]] = {
    "model": "tickets@1",
    "categories": ["fraud", "billing"],
    "buckets": [
        {"end": 1_795_559_000.0 + 10 * i, "statistic": None if i < 3 else float(i), "threshold": 21.9}
        for i in range(60)
    ],
    "alarms": [
        ALARM,
        ALARM
        | {"id": "a0", "cleared_at": 1_795_559_700.0, "ended_by": "false", "finding": MEASURED, "later": []}
        | {"acknowledged": None, "marked_false": {"at": 1_795_559_700.0, "by": "lee", "why": "a load test"}},
    ],
}
PLAN: Final[dict[str, Any]] = {
    "model": "tickets@1",
    "rows": [
        {"class": name, "reference": share, "ratio": ratio, "items": items, "seconds": seconds}
        for name, share, ratio, items, seconds in (
            ("fraud", 0.01, 2.0, 2_508, 5_000.0),
            ("fraud", 0.01, 0.5, None, None),
            ("billing", 0.6, 2.0, None, None),
            ("billing", 0.6, 0.5, 120, 40.0),
        )
    ],
    "items_per_second": 0.5,
    "baseline_items": 22_000,
    "threshold": 21.9,
    "false_alarm_seconds": 7_776_000.0,
    "bucket_seconds": 10.0,
    "assumed": False,
    "false_alarms": "at most one false alarm in 90 days on average",
}
