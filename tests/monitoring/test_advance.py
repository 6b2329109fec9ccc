"""What one closed bucket changes: streams, alarms and their ends, and what a new version takes over."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.config import WatcherConfig
from monitoring.freezing import freeze_baseline
from monitoring.status import status
from monitoring.waves.facts import ModelFacts
from tests.support.site import ATTACK, CONFIG, FACTS, QUIET, Site

SCORE = {
    "score": {
        "stream": "scores",
        "kind": "cuts",
        "columns": ["top probability <= 0.5", "top probability <= 0.9"],
    }
}
SURE, UNSURE = (10, 30, 160), (70, 70, 60)


def state_of(site: Site, model_key: str = "mail@1") -> str:
    """Return the state of a version's detector."""
    found: str = status(site.store, model_key, config=CONFIG.detector)["state"]
    return found


def test_scores_are_a_stream_of_their_own(site: Site) -> None:
    """Scores that fall while the mix stays raise an alarm that names no class."""
    watcher = site.watcher()
    for n in range(20):
        site.flush(QUIET, meters={"score": SURE if n < 14 else UNSURE}, measures=SCORE)
        site.clock.advance(10)
        watcher.tick()
    (alarm,) = site.store.alarms.list()
    assert (alarm.finding.stream, alarm.finding.watched) == ("scores", ())
    assert {each.stream for each in alarm.finding.classes} == {"scores"}
    streams = site.detector().status["streams"]
    assert [each["name"] for each in streams] == ["classes", "scores"]


@pytest.mark.parametrize(("deduplicate", "alarms"), [(False, 1), (True, 0)])
def test_repeats_count_once_where_that_is_asked_for(site: Site, deduplicate: bool, alarms: int) -> None:
    """One item sent sixty times moves the raw counts and not those of different items."""
    config = replace(CONFIG, detector=replace(CONFIG.detector, deduplicate=deduplicate))
    watcher = site.watcher(config=config)
    for n in range(20):
        site.flush(QUIET if n < 14 else ATTACK, meters={"unique": (180, 18, 2, 0)})
        site.clock.advance(10)
        watcher.tick()
    assert len(site.store.alarms.list()) == alarms


def test_a_second_shift_is_added_to_the_open_alarm(site: Site) -> None:
    """The scores move, then the mix does: one alarm, with what was found later and when."""
    watcher = site.watcher()
    for n in range(30):
        site.flush(QUIET if n < 20 else ATTACK, meters={"score": SURE if n < 14 else UNSURE}, measures=SCORE)
        site.clock.advance(10)
        watcher.tick()
    (alarm,) = site.store.alarms.list()
    assert alarm.is_open
    assert alarm.finding.stream == "scores"
    (later,) = alarm.later
    assert later.at > alarm.raised_at
    assert later.finding.stream == "classes"
    assert [each["stream"] for each in site.detector().status["findings"]] == ["classes"]
    assert "phish" in alarm.watched


def test_an_end_says_by_what_and_which_window_was_strongest(site: Site) -> None:
    """Calm traffic ends it, or another baseline does."""
    alarm = site.alarmed()
    site.traffic(site.watcher(), QUIET, buckets=60)
    after = site.store.alarms.get(alarm.id)
    assert after.ended_by == "calm"
    assert after.strongest is not None
    assert after.strongest.statistic >= alarm.finding.statistic
    site.traffic(site.watcher(), ATTACK, buckets=3)
    freeze_baseline(
        site.store,
        "mail@1",
        config=CONFIG.detector,
        clock=site.clock,
        by="kim",
        why="the new normal",
        force=True,
    )
    assert site.store.alarms.list()[0].ended_by == "baseline"


def test_a_new_version_keeps_the_former_ones_detector_as_its_shadow(site: Site) -> None:
    """It holds the new answers against what was normal, until the new version knows what is."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, QUIET, buckets=2, model_key="mail@2")
    shadow = site.detector("mail@2").status["shadow"]
    assert (shadow["of"], shadow["state"], shadow["same_scores"]) == ("mail@1", "calm", True)
    site.traffic(watcher, QUIET, buckets=12, model_key="mail@2")
    frozen = site.detector("mail@2").status
    assert (frozen["baseline"]["kind"], frozen["shadow"]) == ("frozen", None)


def test_the_shadow_of_a_version_that_scores_alike_holds_the_baseline_back(site: Site) -> None:
    """What moved with the promotion must not become normal by itself; of other scores nothing can be said."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=16, model_key="mail@2")
    held = site.detector("mail@2").status
    assert (held["baseline"]["kind"], held["shadow"]["state"]) == ("provisional", "drift")
    assert held["waiting"]
    assert site.store.alarms.list("mail@2") == ()


@pytest.mark.parametrize("failing", [False, True])
def test_versions_that_score_differently_or_cannot_be_compared(site: Site, failing: bool) -> None:
    """The shadow says what it sees, and the baseline freezes all the same."""

    def resolve(model_key: str) -> ModelFacts:
        if failing:
            raise OSError(model_key)
        return replace(FACTS, scoring=model_key)

    watcher = site.watcher(resolve=resolve)
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=5, model_key="mail@2")
    assert site.detector("mail@2").status["shadow"]["same_scores"] is False
    site.traffic(watcher, ATTACK, buckets=8, model_key="mail@2")
    assert site.detector("mail@2").status["baseline"]["kind"] == "frozen"
    assert site.failures == []


def test_another_bundle_or_other_classes_have_no_shadow(site: Site) -> None:
    """Only versions of one name with the same answers are comparable; `mail` is not `mail-eu`."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, QUIET, buckets=1, model_key="mail-eu@1")
    assert site.detector("mail-eu@1").status["shadow"] is None


def test_an_alarm_of_a_version_that_is_gone_ends_with_the_next_ones_baseline(site: Site) -> None:
    """Nobody would ever clear it: its version has no traffic any more."""
    alarm = site.alarmed()
    watcher = site.watcher(resolve=lambda key: replace(FACTS, scoring=key))
    site.traffic(watcher, ATTACK, buckets=5, model_key="mail@2")
    assert site.store.alarms.get(alarm.id).is_open
    site.traffic(watcher, ATTACK, buckets=8, model_key="mail@2")
    after = site.store.alarms.get(alarm.id)
    assert after.ended_by == "superseded"
    assert after.cleared_at == site.detector("mail@2").status["baseline"]["frozen_at"]


def test_an_alarm_of_a_version_that_still_answers_stays(site: Site) -> None:
    """During a rollout both have traffic, and each its own alarm."""
    alarm = site.alarmed()
    watcher = site.watcher(resolve=lambda key: replace(FACTS, scoring=key))
    for _ in range(13):
        site.flush(ATTACK, model_key="mail@1")
        site.flush(ATTACK, model_key="mail@2")
        site.clock.advance(10)
        watcher.tick()
    assert site.detector("mail@2").status["baseline"]["kind"] == "frozen"
    assert site.store.alarms.get(alarm.id).is_open


def test_an_empty_stretch_is_quiet_for_every_stream(site: Site) -> None:
    """An outage of the senders makes the detector blind and disturbs no stream."""
    watcher = site.watcher(config=WatcherConfig(detector=CONFIG.detector))
    site.flush(QUIET, meters={"score": SURE}, measures=SCORE)
    site.clock.advance(10)
    watcher.tick()
    site.clock.advance(2_000)
    site.flush(QUIET, meters={"score": SURE}, measures=SCORE)
    watcher.tick()
    assert state_of(site) == "blind"
    assert np.isfinite(site.detector().status["statistic"])
