"""Announced changes raise no alarm; what was not announced still does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from monitoring.errors import ExpectationRefused, UnknownModel
from monitoring.expecting import end_expectation, expect_change
from tests.support.site import ATTACK, CONFIG, QUIET, Site

HAMLESS = (60, 138, 2)


def expect(
    site: Site, category: str = "phish", *, seconds: float = 3_600.0, model_key: str = "mail@1"
) -> Sequence[Mapping[str, Any]]:
    """Announce a change from now on."""
    return expect_change(
        site.store,
        model_key,
        category,
        until=site.clock.now() + seconds,
        config=CONFIG.detector,
        clock=site.clock,
        by="kim",
        why="an exercise",
    )


def test_an_expected_change_raises_no_alarm(site: Site) -> None:
    """The class may move as long as was told; who told it is on record."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    (expected,) = expect(site)
    assert (expected["category"], expected["by"], expected["why"]) == ("phish", "kim", "an exercise")
    site.traffic(watcher, ATTACK, buckets=10)
    assert site.store.alarms.list() == ()
    (entry,) = [each for each in site.store.audit.list(model_key="mail@1") if each.who == "kim"]
    assert (entry.who, entry.action, entry.details["class"]) == ("kim", "expect_change", "phish")


def test_another_class_is_watched_meanwhile(site: Site) -> None:
    """Ham that turns into spam is noticed although phish is expected."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    expect(site)
    site.traffic(watcher, HAMLESS, buckets=6)
    (alarm,) = site.store.alarms.list()
    assert alarm.finding.watched == ("spam",)


def test_afterwards_the_class_is_watched_again(site: Site) -> None:
    """Ended by hand or by its time, a change that stays is an alarm."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    expect(site)
    site.traffic(watcher, ATTACK, buckets=3)
    left = end_expectation(
        site.store,
        "mail@1",
        "phish",
        config=CONFIG.detector,
        clock=site.clock,
        by="kim",
        why="over",
    )
    assert left == []
    site.traffic(watcher, ATTACK, buckets=3)
    assert len(site.store.alarms.list()) == 1


@pytest.mark.parametrize("seconds", [0.0, -1.0, 93 * 86_400.0])
def test_it_has_to_end_in_time(site: Site, seconds: float) -> None:
    """Neither over already nor for ever."""
    site.traffic(site.watcher(), QUIET, buckets=1)
    with pytest.raises(ExpectationRefused, match="after now and within 92 days"):
        expect(site, seconds=seconds)
    assert site.store.audit.list() == ()


def test_what_cannot_be_expected_changes_nothing(site: Site) -> None:
    """No traffic, no closed bucket, no such class, nothing to end."""
    with pytest.raises(UnknownModel):
        expect(site)
    site.flush(QUIET)
    with pytest.raises(ExpectationRefused, match="no closed bucket yet"):
        expect(site)
    site.traffic(site.watcher(), QUIET, buckets=1)
    with pytest.raises(ExpectationRefused, match="'fish'"):
        expect(site, "fish")
    with pytest.raises(ExpectationRefused, match="nothing is expected of 'phish'"):
        end_expectation(
            site.store, "mail@1", "phish", config=CONFIG.detector, clock=site.clock, by="kim", why=""
        )
    assert site.store.audit.list() == ()
