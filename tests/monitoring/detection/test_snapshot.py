"""What a detector wrote is read again, by this release and by later ones."""

import json
from pathlib import Path

import pytest

from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.detection.snapshot import packed, unpacked
from tests.support.traffic import CATEGORIES, STREAMS, USUAL, Traffic

FORMAT_1 = json.loads((Path(__file__).parents[1] / "fixtures" / "detector_format_1.json").read_text())
CONFIG = DetectorConfig(baseline_items=5_000, baseline_seconds=0.0, whole_mix=0.0)


def test_parts_come_back_exactly():
    """Integers beyond 2**53 and floats alike; no snapshot holds a number that JSON does not have."""
    parts = {"counts": [2**60, 0], "share": 0.1 + 0.2, "none": None}
    assert unpacked(json.loads(json.dumps(packed(parts)))) == parts
    with pytest.raises(ValueError, match="JSON"):
        packed({"share": float("nan")})


def test_a_snapshot_of_another_format_is_refused():
    """A snapshot by a later release is named, not misread."""
    snapshot = Detector(STREAMS).to_json() | {"format": 99}
    with pytest.raises(ValueError, match="format 99"):
        Detector.from_json(snapshot, config=DetectorConfig())


@pytest.mark.parametrize(
    ("name", "state", "items", "statistic"),
    [
        pytest.param("provisional", "warming", 3_000, 0.0, id="while collecting"),
        pytest.param("calm", "calm", 11_000, None, id="calm"),
        pytest.param("drift", "drift", None, 15.627129191663599, id="during an alarm"),
    ],
)
def test_a_detector_of_format_1_goes_on_where_it_was(
    name: str, state: str, items: int | None, statistic: float | None
):
    """A release that watched the classes alone wrote it; nothing of it is lost."""
    detector = Detector.from_json(FORMAT_1[name], config=CONFIG)
    assert (detector.state, detector.categories) == (state, CATEGORIES)
    assert items in (None, detector.status().items)
    if statistic is not None:
        assert detector.statistic == pytest.approx(statistic, rel=1e-9)
    again = Detector.from_json(json.loads(json.dumps(detector.to_json())), config=CONFIG)
    assert again.to_json() == detector.to_json()
    traffic = Traffic(seed=5)
    traffic.time = 1e6
    kinds = [event.kind for event in traffic.feed(detector, USUAL, items=20_000)]
    assert kinds == (["alarm_cleared"] if name == "drift" else [])
    assert detector.state == "calm"
