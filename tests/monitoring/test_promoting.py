"""What a promotion does to the monitoring state: once, whoever looks first, and whenever a kill came."""

import pytest

from model_store.promotions import Promotion
from monitoring.clock import ManualClock
from monitoring.detection.detector import Detector
from monitoring.promoting import LEAVING_SECONDS, follow_promotions, was_proposed
from monitoring.proposing import Proposal, proposal_id
from tests.support.site import ATTACK, CONFIG, QUIET, Site


def proposed(site: Site, candidate: str, *, base: str = "1", alarm: str | None = None) -> Proposal:
    """Propose a version."""
    return site.store.proposals.add(
        Proposal(
            id=proposal_id("mail", candidate),
            model_name="mail",
            base_version=base,
            candidate_version=candidate,
            kind="fit",
            alarm_id=alarm,
            state="open",
            created_at=site.clock.now(),
            created_by="kim",
            why="labels of the new wording",
            comparison={},
        )
    )


def step(site: Site, seq: int, to: str, *, before: str | None = None, rollback: bool = False) -> Promotion:
    """Return a promotion of now."""
    action = "rollback" if rollback else "promote"
    return Promotion(seq, site.clock.now(), "ada", "it finds more", "mail", before, to, action)  # type: ignore[arg-type]


def follow(site: Site, *history: Promotion) -> int:
    """Follow a history."""
    return follow_promotions(site.store, history, config=CONFIG.detector)


def detector(site: Site, key: str = "mail@1") -> Detector:
    """Return a stored detector."""
    return Detector.from_json(site.detector(key).snapshot, config=CONFIG.detector)


def test_a_promoted_proposal_ends_the_alarm_with_itself_as_the_cause(site: Site) -> None:
    """Proposal, alarm and detector change together, with who and why."""
    alarm = site.alarmed()
    made = proposed(site, "2", alarm=alarm.id)
    site.clock.advance(3)
    assert follow(site, step(site, 1, "2", before="1")) == 1
    decided = site.store.proposals.get(made.id)
    assert (decided.state, decided.decided_by, decided.decided_why) == ("promoted", "ada", "it finds more")
    ended = site.store.alarms.get(alarm.id)
    assert (ended.ended_by, ended.ended_cause, ended.cleared_at) == ("promotion", made.id, site.clock.now())
    assert ended.strongest is not None
    assert detector(site).state != "drift"
    entry = site.store.audit.list(limit=1)[0]
    assert (entry.who, entry.action, entry.model_key) == ("ada", "promote", "mail@2")
    assert entry.details["proposal"] == made.id


def test_following_twice_changes_nothing(site: Site) -> None:
    """Route and watcher both look: the second finds it done, down to the number of audit entries."""
    site.alarmed()
    proposed(site, "2")
    history = [step(site, 1, "1"), step(site, 2, "2", before="1")]
    assert follow(site, *history) == 2
    before = (site.store.alarms.list(), site.store.audit.list(), site.detector())
    site.clock.advance(10)
    assert follow(site, *history) == 0
    assert (site.store.alarms.list(), site.store.audit.list(), site.detector()) == before


def test_a_promotion_of_something_else_supersedes_and_leaves_the_alarm(site: Site) -> None:
    """A version nobody proposed against the drift takes over the alarm's watch, as it always did."""
    alarm = site.alarmed()
    made = proposed(site, "2")
    follow(site, step(site, 1, "3", before="1"))
    assert site.store.proposals.get(made.id).state == "superseded"
    assert site.store.alarms.get(alarm.id).is_open
    assert detector(site).state == "drift"


def test_a_rollback_ends_the_alarm_of_the_version_it_leaves_and_reopens_none(site: Site) -> None:
    """The old alarm stays ended by the promotion; that of the version left behind ends by the rollback."""
    first = site.alarmed()
    proposed(site, "2", alarm=first.id)
    history = [step(site, 1, "1"), step(site, 2, "2", before="1")]
    follow(site, *history)
    watcher = site.watcher(promotions=lambda: history)
    site.traffic(watcher, QUIET, buckets=15, model_key="mail@2")
    site.traffic(watcher, ATTACK, buckets=3, model_key="mail@2")
    second = site.store.alarms.list("mail@2")[0]
    assert second.is_open
    follow(site, *history, step(site, 3, "1", before="2", rollback=True))
    assert site.store.alarms.get(second.id).ended_by == "rollback"
    assert site.store.alarms.get(first.id).ended_by == "promotion"
    assert [each.state for each in site.store.proposals.list()] == ["promoted"]


def test_the_next_tick_repairs_what_a_kill_left(site: Site) -> None:
    """The pointer was replaced and nobody told the state: a watcher's tick does the rest, once."""
    alarm = site.alarmed()
    made = proposed(site, "2", alarm=alarm.id)
    history = [step(site, 1, "2", before="1")]
    watcher = site.watcher(promotions=lambda: history)
    site.clock.advance(6)
    watcher.tick()
    assert site.store.proposals.get(made.id).state == "promoted"
    assert site.store.alarms.get(alarm.id).ended_cause == made.id
    entries = site.store.audit.list()
    site.clock.advance(CONFIG.lease_seconds + 1)
    site.watcher("two", promotions=lambda: history).tick()
    status = site.store.lease.status()
    assert status is not None
    assert status.holder == "two"
    assert site.store.audit.list() == entries
    assert site.failures == []


def test_the_new_version_takes_the_drift_for_its_normal(site: Site) -> None:
    """A proposed version that scores alike freezes its baseline at once; another one would wait."""
    alarm = site.alarmed()
    proposed(site, "2", alarm=alarm.id)
    history = [step(site, 1, "2", before="1")]
    watcher = site.watcher(promotions=lambda: history)
    site.clock.advance(6)
    site.traffic(watcher, ATTACK, buckets=15, model_key="mail@2")
    assert was_proposed(site.store, "mail@2")
    found = detector(site, "mail@2")
    assert found.baseline is not None
    assert (found.baseline.kind, found.state) == ("frozen", "calm")
    assert [each.id for each in site.store.alarms.list()] == [alarm.id]


def test_a_rest_of_traffic_raises_no_alarm_on_the_old_version(site: Site) -> None:
    """Workers swap within seconds: what they answered before is closed without an alarm; not much later."""
    alarm = site.alarmed()
    proposed(site, "2", alarm=alarm.id)
    history = [step(site, 1, "2", before="1")]
    watcher = site.watcher(promotions=lambda: history)
    site.clock.advance(6)
    site.traffic(watcher, ATTACK, buckets=4)
    assert [each.id for each in site.store.alarms.list()] == [alarm.id]
    assert site.store.counts.total("mail@1").sum() == 22 * 200
    site.clock.advance(LEAVING_SECONDS)
    site.traffic(watcher, ATTACK, buckets=5)
    assert len(site.store.alarms.list()) == 2


def test_a_store_of_models_that_cannot_be_read_costs_no_bucket(site: Site) -> None:
    """The failure is counted and buckets close."""

    def broken() -> list[Promotion]:
        raise OSError("no such disk")

    watcher = site.watcher(promotions=broken)
    site.traffic(watcher, QUIET, buckets=2)
    assert set(site.failures) == {"promotion"}
    assert site.store.counts.total("mail@1").sum() == 400


@pytest.mark.parametrize("killed", ["before", "after"])
def test_a_newer_proposal_survives_a_promotion_that_is_followed_late(
    site: Site, clock: ManualClock, killed: str
) -> None:
    """What was proposed after the promotion is about what it put in force, and stays open."""
    proposed(site, "2")
    promotion = step(site, 1, "2", before="1")
    clock.advance(5)
    if killed == "after":
        follow(site, promotion)
    newer = proposed(site, "3", base="2")
    follow(site, promotion)
    assert site.store.proposals.get(newer.id).state == "open"
    assert site.store.proposals.get(proposal_id("mail", "2")).state in ("promoted", "superseded")
