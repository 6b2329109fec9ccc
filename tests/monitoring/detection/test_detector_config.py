"""What may be chosen about a detector: ranges, and the threshold that follows."""

import pytest

from monitoring.detection.detector_config import DetectorConfig
from monitoring.scanning.scan import formula_threshold


@pytest.mark.parametrize(
    "settings_",
    [
        pytest.param({"bucket_seconds": 0.0}, id="no bucket"),
        pytest.param({"bucket_seconds": 100.0, "false_alarm_seconds": 10.0}, id="bucket beyond the period"),
        pytest.param({"tolerance": -0.1}, id="negative tolerance"),
        pytest.param({"tolerance_abs": 1.0}, id="tolerance of everything"),
        pytest.param({"whole_mix": 1.0}, id="nothing left for the classes"),
    ],
)
def test_impossible_settings_are_refused(settings_: dict[str, float]):
    """The error names the setting and what is expected."""
    with pytest.raises(ValueError, match="expected"):
        DetectorConfig(**settings_)  # type: ignore[arg-type]


def test_important_is_what_has_more_weight_than_the_others():
    """By itself, or because the others have less; less weight makes nothing important."""
    assert DetectorConfig().important == frozenset()
    assert DetectorConfig(watch={"fraud": 5.0, "spam": 0.5}).important == {"fraud"}
    assert DetectorConfig(watch={"fraud": 1.0, "*": 0.0}).important == {"fraud"}


def test_the_threshold_is_the_formula_of_buckets_and_longest_window():
    """Ninety days of ten-second buckets by default; a shorter longest window is cheaper to search."""
    assert DetectorConfig().n_buckets == DetectorConfig().window_limit == 777_600
    assert DetectorConfig().threshold == formula_threshold(777_600, 777_600)
    assert DetectorConfig(max_window_buckets=64).threshold == formula_threshold(777_600, 64)
