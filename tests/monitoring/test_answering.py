"""What people say of an alarm is kept, audited, and does what they mean."""

import pytest

from monitoring.answering import acknowledge, call_false
from monitoring.errors import UnknownAlarm
from monitoring.store import Act, Alarm, AuditEntry
from tests.support.site import ATTACK, CONFIG, QUIET, Site


def called_false(site: Site, alarm: Alarm, *, by: str = "kim") -> Alarm:
    """Call an alarm false as a route would."""
    return call_false(
        site.store, alarm.id, config=CONFIG.detector, clock=site.clock, by=by, why="one sender, one text"
    )


def by_people(site: Site) -> list[AuditEntry]:
    """Return what people did; that the first baseline froze by itself is on record too."""
    return [each for each in site.store.audit.list() if each.action != "freeze_baseline"]


def test_who_looks_after_an_alarm_is_on_record_once(site: Site) -> None:
    """The first one stays, with a line in the audit trail, and the detector is left alone."""
    alarm, before = site.alarmed(), site.detector()
    assert alarm.acknowledged is None
    first = acknowledge(site.store, alarm.id, by="kim", why="on it")
    site.clock.advance(5)
    assert acknowledge(site.store, alarm.id, by="ada", why="me too") == first
    assert first.acknowledged == Act(site.clock.now() - 5, "kim", "on it")
    assert first.is_open
    (entry,) = by_people(site)
    assert (entry.who, entry.action, entry.details) == (
        "kim",
        "acknowledge_alarm",
        {"alarm": alarm.id, "why": "on it"},
    )
    assert site.detector() == before


def test_a_false_alarm_ends_and_counts(site: Site) -> None:
    """Detection starts anew from the same baseline; the alarm says how it ended, and who ended it."""
    alarm, before = site.alarmed(), site.detector()
    said = called_false(site, alarm)
    assert (said.cleared_at, said.ended_by) == (site.clock.now(), "false")
    assert said.marked_false == Act(site.clock.now(), "kim", "one sender, one text")
    assert said.strongest is not None
    assert said.strongest.statistic >= alarm.finding.statistic
    after = site.detector()
    assert (after.status["state"], after.status["alarm"]) != ("drift", before.status["alarm"])
    assert after.status["baseline"]["items"] == before.status["baseline"]["items"]
    assert site.store.alarms.count_false() == 1
    assert [entry.action for entry in by_people(site)] == ["mark_alarm_false"]


def test_what_goes_on_raises_another_alarm(site: Site) -> None:
    """Calling one alarm false mutes nothing."""
    alarm = site.alarmed()
    called_false(site, alarm)
    site.traffic(site.watcher(), ATTACK, buckets=3)
    newest, oldest = site.store.alarms.list()
    assert (oldest.id, newest.is_open) == (alarm.id, True)


def test_calling_it_false_twice_counts_once(site: Site) -> None:
    """Who said so first stays."""
    alarm = site.alarmed()
    first = called_false(site, alarm)
    site.clock.advance(10)
    assert called_false(site, alarm, by="ada") == first
    assert (site.store.alarms.count_false(), len(by_people(site))) == (1, 1)


def test_an_alarm_that_ended_may_be_false_too(site: Site) -> None:
    """It counts, stays ended as it was, and an alarm raised since is not touched."""
    alarm = site.alarmed()
    site.traffic(site.watcher(), QUIET, buckets=60)
    assert site.store.alarms.get(alarm.id).ended_by == "calm"
    site.traffic(site.watcher(), ATTACK, buckets=3)
    newest, before = site.store.alarms.list()[0], site.detector()
    assert newest.is_open
    said = called_false(site, alarm)
    assert (said.ended_by, site.store.alarms.count_false()) == ("calm", 1)
    assert site.store.alarms.get(newest.id) == newest
    assert site.detector() == before


def test_a_new_versions_shadow_forgets_the_alarm_too(site: Site) -> None:
    """A false alarm must not keep the baseline of the next version from freezing."""
    alarm = site.alarmed()
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=1, model_key="mail@2")
    assert site.detector("mail@2").status["shadow"]["state"] == "drift"
    called_false(site, alarm)
    assert site.detector("mail@2").status["shadow"]["state"] != "drift"
    site.traffic(watcher, QUIET, buckets=12, model_key="mail@2")
    assert site.detector("mail@2").status["baseline"]["kind"] == "frozen"


def test_an_unknown_alarm_is_named(site: Site) -> None:
    """Both acts say which id there is none of."""
    site.alarmed()
    with pytest.raises(UnknownAlarm, match="'nope'"):
        acknowledge(site.store, "nope", by="kim", why="")
    with pytest.raises(UnknownAlarm, match="'nope'"):
        call_false(site.store, "nope", config=CONFIG.detector, clock=site.clock, by="kim", why="?")
