"""Announced changes raise no alarm; what was not announced still does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from monitoring.errors import ExpectationRefused, UnknownModel
from monitoring.expecting import end_expectation, expect_change
from monitoring.status import status
from tests.support.site import ATTACK, CLASSES, CONFIG, QUIET, Site

HAMLESS = (60, 138, 2)


def expect(
    site: Site,
    category: str = "phish",
    *,
    seconds: float = 3_600.0,
    model_key: str = "mail@1",
    classes: Sequence[str] | None = None,
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
        classes=classes,
    )


def end(site: Site, category: str = "phish") -> Sequence[Mapping[str, Any]]:
    """Say that the change is over."""
    return end_expectation(
        site.store, "mail@1", category, config=CONFIG.detector, clock=site.clock, by="kim", why="over"
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
    assert end(site) == []
    site.traffic(watcher, ATTACK, buckets=3)
    assert len(site.store.alarms.list()) == 1


@pytest.mark.parametrize("seconds", [0.0, -1.0, 93 * 86_400.0])
def test_it_has_to_end_in_time(site: Site, seconds: float) -> None:
    """Neither over already nor for ever."""
    site.traffic(site.watcher(), QUIET, buckets=1)
    with pytest.raises(ExpectationRefused, match="after now and within 92 days"):
        expect(site, seconds=seconds)
    assert site.store.audit.list() == ()


def test_a_change_is_announced_before_the_first_item(site: Site) -> None:
    """The detector of a version just promoted starts with it: the change raises no alarm."""
    (expected,) = expect(site, classes=CLASSES)
    assert status(site.store, "mail@1", config=CONFIG.detector, classes=CLASSES)["expectations"] == [
        {"class": "phish", **{name: expected[name] for name in ("at", "until", "by", "why")}}
    ]
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=10)
    assert site.store.alarms.list() == ()
    assert site.detector().status["expectations"] == [expected]


def test_a_change_is_announced_before_the_first_bucket(site: Site) -> None:
    """Between the first item and the first closed bucket too; announcing it again replaces it."""
    site.flush(QUIET)
    expect(site, seconds=60.0)
    (expected,) = expect(site)
    site.clock.advance(10)
    site.watcher().tick()
    assert site.detector().status["expectations"] == [expected]


def test_an_announcement_is_ended_before_the_first_bucket(site: Site) -> None:
    """Both acts are on record."""
    expect(site, classes=CLASSES)
    assert end(site) == []
    site.traffic(site.watcher(), QUIET, buckets=1)
    assert site.detector().status["expectations"] == []
    assert [each.action for each in site.store.audit.list()] == ["end_expectation", "expect_change"]


def test_a_later_version_expects_its_own_and_what_the_former_did(site: Site) -> None:
    """What was announced of it comes on top of what it takes over, in its shadow too."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    expect(site)
    expect(site, "spam", model_key="mail@2", classes=CLASSES)
    site.traffic(watcher, QUIET, buckets=1, model_key="mail@2")
    expectations = site.detector("mail@2").status["expectations"]
    assert [each["category"] for each in expectations] == ["phish", "spam"]
    site.traffic(watcher, (60, 138, 60), buckets=6, model_key="mail@2")
    assert site.detector("mail@2").status["shadow"]["state"] != "drift"


def test_what_is_over_does_not_replace_what_is_taken_over(site: Site) -> None:
    """A class whose own announcement ended before any traffic is expected as the former version does."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    expect(site, model_key="mail@2", classes=CLASSES, seconds=5.0)
    (expected,) = expect(site)
    site.traffic(watcher, QUIET, buckets=1)
    site.traffic(watcher, ATTACK, buckets=10, model_key="mail@2")
    assert site.detector("mail@2").status["expectations"] == [expected]
    assert site.store.alarms.list() == ()


def test_what_cannot_be_expected_changes_nothing(site: Site) -> None:
    """No such version, no such class, nothing to end; before the first bucket and after it."""
    with pytest.raises(UnknownModel):
        expect(site)
    for _ in range(2):
        with pytest.raises(ExpectationRefused, match="'fish'"):
            expect(site, "fish", classes=CLASSES)
        with pytest.raises(ExpectationRefused, match="nothing is expected of 'phish'"):
            end(site)
        site.traffic(site.watcher(), QUIET, buckets=1)
    assert site.store.audit.list() == ()
