"""Recall and precision by hidden truth count flags, not labels."""

import pytest

from service.cli.demo.hidden import Stretch, stretch
from service.cli.demo.traffic import Traffic


def test_flags_decide_and_nothing_of_a_class_is_no_miss() -> None:
    """Two of three frauds flagged, one flag wrong; a stretch without the class misses nothing."""
    traffic = Traffic("http://127.0.0.1:1", 1.0)
    traffic.truth = {"a": "fraud", "b": "fraud", "c": "fraud", "d": "billing", "e": "billing"}
    fraud, none = frozenset({"fraud"}), frozenset[str]()
    traffic.flags = {"a": fraud, "b": fraud | {"billing"}, "c": none, "d": fraud, "e": frozenset({"billing"})}
    found = stretch("during", traffic, traffic.ids(0), watched="fraud")
    assert found == Stretch("during", 5, 3, 3, 2)
    assert found.recall == pytest.approx(2 / 3)
    assert found.precision == pytest.approx(2 / 3)
    assert stretch("end", traffic, traffic.ids(4), watched="fraud").recall == 1.0
