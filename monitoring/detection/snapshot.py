"""How is a detector written down, and how is what earlier releases wrote read?

To change the format: raise FORMAT, write the new parts, and add a function that turns the parts of the format
before into the new ones, with a test that reads a snapshot an earlier release wrote. A format once released
stays readable. What a detector holds is large for what it says: it is stored as deflated JSON.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from monitoring.scanning.streams import class_stream

FORMAT: Final = 2
_LEVEL: Final = 4  # 6 makes 150 classes 5 % smaller in four times the time, which every bucket pays

Parts: TypeAlias = Mapping[str, Any]


def packed(parts: Parts) -> dict[str, Any]:
    """Return the snapshot that holds these parts; `unpacked` returns them exactly."""
    text = json.dumps(parts, separators=(",", ":"), allow_nan=False)
    deflated = zlib.compress(text.encode(), level=_LEVEL)
    return {"format": FORMAT, "parts": base64.b64encode(deflated).decode("ascii")}


def unpacked(snapshot: Mapping[str, Any]) -> Parts:
    """Return the parts of a snapshot of any release.

    Raises
    ------
    ValueError
        The format is not known.
    """
    written = snapshot["format"]
    if written == FORMAT:
        parts: Parts = json.loads(zlib.decompress(base64.b64decode(snapshot["parts"])))
        return parts
    if written == 1:
        return _from_format_1(snapshot)
    raise ValueError(f"detector snapshot of format {written!r}: expected 1 to {FORMAT}")


def _from_format_1(snapshot: Mapping[str, Any]) -> Parts:
    """Return the parts of a detector that watched the classes alone."""
    baseline, frozen = snapshot["baseline"], None
    if baseline is not None and baseline["kind"] == "frozen":
        baseline, frozen = None, baseline
    return {
        "streams": [class_stream(snapshot["categories"]).to_json()],
        "items": snapshot["items"],
        "times": snapshot["times"],
        "provisional": None if frozen else {"baseline": baseline, "series": None, "shadow": None},
        "judge": _judge_from_1(snapshot, frozen) if frozen else None,
        "expectations": [],
        "state": snapshot["state"],
        "since": snapshot["since"],
    }


def _judge_from_1(snapshot: Mapping[str, Any], baseline: Parts) -> Parts:
    alarm, windows = snapshot["alarm"], _windows_from_1(snapshot["windows"])
    return {
        "baseline": baseline,
        "windows": windows,
        "gate": None,
        "warm": snapshot["warm"],
        "alarm": None if alarm is None else _alarm_from_1(alarm, snapshot["recovery"], windows),
    }


def _alarm_from_1(finding: Mapping[str, Any], recovery: Mapping[str, Any], windows: Parts) -> Parts:
    fresh = _windows_from_1(recovery["fresh"])
    entries = fresh["entries"]
    block = {
        "counts": recovery["block"],
        "waves": [],
        # how many of the fresh buckets the block holds was not written down: all is the cautious answer
        "buckets": sum(entry["length"] for entry in entries) if any(recovery["block"]) else 0,
        "start": min((entry["start"] for entry in entries), default=None) if any(recovery["block"]) else None,
    }
    return {
        "finding": finding,
        "further": [],
        "strongest": {
            "statistic": finding["statistic"],
            "since_time": finding["since_time"],
            "items": finding["since_items"],
            "at": finding["since_time"],
        },
        "recovery": {**recovery, "fresh": fresh, "block": block},
        "others": {**windows, "entries": []},
    }


def _windows_from_1(windows: Mapping[str, Any]) -> Parts:
    return {
        "width": windows["n_categories"],
        "n_waves": 0,
        "cap": windows["cap"],
        "max_buckets": windows["max_buckets"],
        "entries": [{**entry, "waves": []} for entry in windows["entries"]],
    }
