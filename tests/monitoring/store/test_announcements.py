"""What is announced of a version is kept for its detector, and never lost on the way to it."""

from pathlib import Path
from typing import Any

import pytest

from monitoring.advance import advance
from monitoring.clock import ManualClock
from monitoring.detection.expectation import Expectation, Expectations
from monitoring.errors import ExpectationRefused
from monitoring.store import Fenced, Store, open_store
from tests.support.site import CONFIG, QUIET, Site

SECONDS = CONFIG.detector.bucket_seconds


def announce(store: Store, expected: Expectation, *, model_key: str = "mail@1") -> Expectations | None:
    """Announce one more change."""
    return store.announcements.change(
        model_key,
        lambda before: (*before, expected),
        who=expected.by,
        action="expect_change",
        details={"class": expected.category},
    )


def expected_until(clock: ManualClock, until: float, category: str = "spam") -> Expectation:
    """Return what is expected from now on until so many seconds from now."""
    return Expectation(category, clock.now(), clock.now() + until, "kim", "a campaign")


def test_an_announcement_outlives_the_process(store: Store, tmp_path: Path, clock: ManualClock) -> None:
    """It is of one version, and who made it is in the audit trail."""
    expected = expected_until(clock, 60)
    assert announce(store, expected) == (expected,)
    store.close()
    again = open_store(tmp_path / "state", clock=clock)
    assert again.announcements.list("mail@1") == (expected,)
    assert again.announcements.list("mail@2") == ()
    (entry,) = again.audit.list()
    assert (entry.who, entry.action, entry.model_key) == ("kim", "expect_change", "mail@1")
    again.close()


def test_what_is_over_is_not_listed(store: Store, clock: ManualClock) -> None:
    """And is gone with the next change."""
    announce(store, expected_until(clock, 60))
    clock.advance(60)
    assert store.announcements.list("mail@1") == ()
    later = expected_until(clock, 60, "ham")
    assert announce(store, later) == (later,)


def test_a_refused_change_leaves_all_as_it_was(store: Store, clock: ManualClock) -> None:
    """Neither the list nor the audit trail says anything of it."""

    def refuse(_before: Expectations) -> Any:
        raise ExpectationRefused("no")

    expected = expected_until(clock, 60)
    announce(store, expected)
    with pytest.raises(ExpectationRefused):
        store.announcements.change("mail@1", refuse, who="kim", action="end_expectation", details={})
    assert store.announcements.list("mail@1") == (expected,)
    assert len(store.audit.list()) == 1


def test_a_detector_takes_up_what_was_announced(store: Store, clock: ManualClock) -> None:
    """From then on the detector is what is asked, and nothing is left behind."""
    site, expected = Site(store, clock), expected_until(clock, 3_600)
    announce(store, expected)
    site.traffic(site.watcher(), QUIET, buckets=1)
    assert site.detector().status["expectations"] == [expected.to_json()]
    assert store.announcements.list("mail@1") == ()
    assert announce(store, expected_until(clock, 60)) is None
    assert store.announcements.list("mail@1") == ()


def test_what_is_announced_while_the_first_bucket_closes_is_not_lost(
    store: Store, clock: ManualClock
) -> None:
    """The watcher that had read before it is fenced off, and reads again."""
    site = Site(store, clock)
    site.flush(QUIET)
    clock.advance(SECONDS)
    lease = store.lease.acquire("one", seconds=60)
    read = store.closing.read("mail@1", bucket_seconds=SECONDS)
    assert lease is not None
    assert read is not None
    expected = expected_until(clock, 3_600)
    announce(store, expected)
    with pytest.raises(Fenced) as fenced:
        store.closing.commit(advance(read, CONFIG.detector), lease=lease)
    assert fenced.value.by == "detector"
    assert store.detectors.get("mail@1") is None
    store.lease.release(lease)
    site.watcher("two").tick()
    assert site.detector().status["expectations"] == [expected.to_json()]


def test_classes_that_a_detector_does_not_have_are_left_out(store: Store, clock: ManualClock) -> None:
    """A store of models replaced by another must not keep buckets from closing."""
    site = Site(store, clock)
    announce(store, expected_until(clock, 3_600, "fraud"))
    site.traffic(site.watcher(), QUIET, buckets=1)
    assert site.detector().status["expectations"] == []
    assert site.failures == []
