"""The baseline: the record of what is normal, what becomes one and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from monitoring.detection.baseline import Baseline, freezable, recent
from monitoring.errors import BaselineRefused
from monitoring.scanning.bursts import Bursts
from monitoring.scanning.clumps import Clumps
from monitoring.scanning.dispersion import Dispersion, estimate
from monitoring.scanning.season import Season
from monitoring.scanning.streams import Layout, Stream, class_stream
from monitoring.scanning.windows import Windows
from tests.support.comparisons import baseline_of

PAIR = Layout((class_stream(("a", "b")),))
LAYOUT = Layout((class_stream(("a", "b")), Stream("scores", "cuts", ("p <= 0.5",))))


def test_a_frozen_baseline_says_who_froze_it_when_and_why_and_survives_json():
    """The record of the decision is part of the baseline."""
    provisional = replace(baseline_of([900, 100]), kind="provisional")
    frozen = provisional.frozen(at=700.0, by="ana", why="usual week")
    restored = Baseline.from_json(json.loads(json.dumps(frozen.to_json())))
    assert restored.to_json() == frozen.to_json()
    assert (restored.kind, restored.frozen_at, restored.by) == ("frozen", 700.0, "ana")
    assert provisional.kind == "provisional"


def test_a_small_baseline_needs_force_and_an_empty_one_is_refused_even_so():
    """The error says how many items there are and how many are needed."""
    small = baseline_of([300, 100])
    with pytest.raises(BaselineRefused, match="400 items and needs at least 500"):
        freezable(small, force=False)
    assert freezable(small, force=True) is small
    with pytest.raises(BaselineRefused, match="0 items and needs at least 1"):
        freezable(None, force=True)


def dispersion_of(rows: int, *, copies: int = 1) -> Dispersion:
    """How buckets of a hundred items of two classes vary, each item being counted so many times."""
    rare = np.random.default_rng(0).binomial(100 // copies, 0.1, rows) * copies
    return estimate(np.stack([100 - rare, rare], axis=1), np.full((rows, 1), 100), PAIR.spans)


def test_a_baseline_is_independent_where_it_was_seen_to_be():
    """Copies, clumps and a season are seen; in a few buckets nothing is, and nothing known is no ground."""
    calm = replace(baseline_of([90, 10]), dispersion=dispersion_of(400))
    (span,) = PAIR.spans
    assert calm.independent
    assert replace(calm, clumps=Clumps((span,), (0,))).independent
    assert not replace(calm, clumps=Clumps((span,), (3,))).independent
    assert not replace(calm, season=Season(86_400.0, np.ones(2), np.zeros((4, 2)))).independent
    assert not replace(calm, dispersion=dispersion_of(400, copies=4)).independent
    assert not replace(calm, dispersion=dispersion_of(7)).independent
    assert not replace(calm, dispersion=None).independent


def windows_of(buckets: int) -> Windows:
    """Return windows of buckets of ten items and ten scores, one every ten seconds."""
    windows = Windows(LAYOUT.width)
    for number in range(buckets):
        windows.add([9, 1, 4, 6], start=10.0 * number)
    return windows


@pytest.mark.parametrize(
    ("items", "since", "held"),
    [
        pytest.param(100, None, (100, 160), id="the newest so many items"),
        pytest.param(10_000, None, (600, 600), id="all there are, if fewer"),
        pytest.param(100, 400.0, (160, 240), id="what came since"),
    ],
)
def test_recent_traffic_can_become_a_baseline(items: int, since: float | None, held: tuple[int, int]):
    """It is counted in items of the classes, with all other streams beside them."""
    former = baseline_of([90, 10, 40, 60], items=100)
    found = recent(windows_of(60).suffixes(), LAYOUT, former=former, items=items, since=since, end=600.0)
    assert found is not None
    assert held[0] <= found.items <= held[1]
    assert found.items == 10 * found.buckets == found.counts[:2].sum() == found.counts[2:].sum()
    assert (found.end, found.kind, found.dispersion) == (600.0, "provisional", former.dispersion)


def test_bursts_are_told_by_the_shares_of_recent_traffic():
    """By those of the former baseline the new normal would be set aside."""
    bursts = Bursts(np.array([0.98, 0.02, 0.4]), np.ones(3), 16.0, 6)
    former = replace(baseline_of([98, 2, 40, 60], items=100), bursts=bursts)
    found = recent(windows_of(60).suffixes(), LAYOUT, former=former, items=600, since=None, end=600.0)
    assert found is not None
    assert found.bursts is not None
    assert found.bursts.shares.tolist() == pytest.approx([0.9, 0.1, 0.4], abs=0.01)


def test_without_traffic_there_is_nothing_recent():
    """Right after a freeze no window is there."""
    former = baseline_of([90, 10, 40, 60], items=100)
    assert recent(windows_of(0).suffixes(), LAYOUT, former=former, items=1, since=None, end=0.0) is None


def test_people_are_shown_the_counts_of_the_classes():
    """What the baseline holds besides is for the detector."""
    shown = baseline_of([90, 10, 40, 60], items=100).summary(LAYOUT)
    assert (shown["counts"], shown["items"], shown["kind"]) == ([90, 10], 100, "frozen")
    assert (shown["dispersed"], shown["seasonal"], shown["reading"]) == (False, False, "")
