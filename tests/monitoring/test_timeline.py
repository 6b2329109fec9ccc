"""One line of everything that became of a model."""

import pytest

from model_store.promotions import Promotion
from monitoring.answering import call_false
from monitoring.freezing import freeze_baseline
from monitoring.promoting import follow_promotions
from monitoring.proposing import Proposal, proposal_id
from monitoring.timeline import Entry, Made, timeline
from tests.support.site import ATTACK, CONFIG, QUIET, Site


def proposed(site: Site, candidate: str, *, alarm: str | None) -> Proposal:
    """Propose a version in place of the first."""
    return site.store.proposals.add(
        Proposal(
            id=proposal_id("mail", candidate),
            model_name="mail",
            base_version="1",
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


def steps(entries: tuple[Entry, ...]) -> list[tuple[str, str, str]]:
    """Return step, model and who, oldest first."""
    return [(each.step, each.model, each.who) for each in reversed(entries)]


def test_the_loop_reads_as_it_went(site: Site) -> None:
    """From the first version to the rollback, each step with who took it, in the order of time."""
    start = site.clock.now()
    alarm = site.alarmed()
    site.clock.advance(1)
    made = proposed(site, "2", alarm=alarm.id)
    site.clock.advance(1)
    history = [
        Promotion(1, start, "ada", "the first", "mail", None, "1"),
        Promotion(2, site.clock.now(), "ada", "finds more", "mail", "1", "2"),
    ]
    watcher = site.watcher(promotions=lambda: history)
    site.clock.advance(5)
    site.traffic(watcher, ATTACK, buckets=12, model_key="mail@2")
    history.append(Promotion(3, site.clock.now(), "lee", "too many reviews", "mail", "2", "1", "rollback"))
    follow_promotions(site.store, history, config=CONFIG.detector)
    versions = [Made("mail@1", start - 9, "fit"), Made("mail@2", made.created_at - 0.5, "refit")]
    told = timeline(site.store, "mail", versions=versions, promotions=history)
    assert steps(told) == [
        ("fit", "mail@1", ""),
        ("promote", "mail@1", "ada"),
        ("baseline", "mail@1", "automatic"),
        ("alarm", "mail@1", "automatic"),
        ("batch", "mail@1", "automatic"),
        ("refit", "mail@2", "kim"),
        ("propose", "mail@2", "kim"),
        ("promote", "mail@2", "ada"),
        ("alarm_end", "mail@1", "ada"),
        ("baseline", "mail@2", "automatic"),
        ("rollback", "mail@1", "lee"),
    ]
    by_step = {each.step: each for each in told}
    assert by_step["alarm_end"].details["proposal"] == made.id
    assert (by_step["alarm_end"].details["by"], by_step["alarm_end"].why) == ("promotion", "finds more")
    assert by_step["rollback"].why == "too many reviews"
    assert by_step["propose"].details["alarm"] == alarm.id


def test_who_made_a_version_is_told_where_nobody_proposed_it(site: Site) -> None:
    """A manifest that names somebody, or a reason, is believed before the proposal, whoever sent that."""
    made = proposed(site, "3", alarm=None)
    proposed(site, "4", alarm=None)
    versions = [
        Made("mail@1", made.created_at - 3, "fit"),
        Made("mail@2", made.created_at - 2, "fit", who="lee", why="a cleaner file"),
        Made("mail@3", made.created_at - 1, "fit", who="ada"),
        Made("mail@4", made.created_at - 0.5, "import", why="a graph of the lab"),
    ]
    told = timeline(site.store, "mail", versions=versions, promotions=())
    assert [(each.model, each.who, each.why) for each in reversed(told)][:4] == [
        ("mail@1", "", ""),
        ("mail@2", "lee", "a cleaner file"),
        ("mail@3", "ada", "labels of the new wording"),
        ("mail@4", "kim", "a graph of the lab"),
    ]


def test_other_models_are_left_out_and_the_newest_are_kept(site: Site) -> None:
    """A store of several models tells of the one asked for, and of so many steps."""
    site.alarmed()
    promotions = [Promotion(1, site.clock.now() + 1, "ada", "", "mail", None, "1")]
    assert timeline(site.store, "post", versions=(), promotions=()) == ()
    (newest,) = timeline(site.store, "mail", versions=(), promotions=promotions, limit=1)
    assert newest.step == "promote"


def test_decided_proposals_say_who_and_why(site: Site) -> None:
    """A rejection names its person; a proposal that another took the place of names that."""
    first = proposed(site, "2", alarm=None)
    site.clock.advance(1)
    second = proposed(site, "3", alarm=None)
    site.clock.advance(1)
    site.store.proposals.reject(second.id, at=site.clock.now(), who="ada", why="worse on billing")
    told = timeline(site.store, "mail", versions=(), promotions=())
    assert [(each.step, each.who) for each in told] == [
        ("reject", "ada"),
        ("supersede", "kim"),
        ("propose", "kim"),
        ("propose", "kim"),
    ]
    assert (told[0].why, told[1].details["proposal"]) == ("worse on billing", first.id)


@pytest.mark.parametrize("ended_by", ["false", "baseline", "calm"])
def test_the_end_of_an_alarm_names_whose_act_it_was(site: Site, ended_by: str) -> None:
    """Who called it false or froze a baseline, and why; traffic that is as before is nobody's act."""
    alarm = site.alarmed()
    site.clock.advance(1)
    said = {"config": CONFIG.detector, "clock": site.clock, "by": "lee", "why": "a planned sale"}
    if ended_by == "false":
        call_false(site.store, alarm.id, **said)
    elif ended_by == "baseline":
        freeze_baseline(site.store, alarm.model_key, force=True, **said)
    else:
        site.traffic(site.watcher(), QUIET, buckets=200)
    (end,) = [
        each for each in timeline(site.store, "mail", versions=(), promotions=()) if each.step == "alarm_end"
    ]
    expected = ("automatic", "traffic is as before") if ended_by == "calm" else ("lee", "a planned sale")
    assert (end.details["by"], end.who, end.why) == (ended_by, *expected)
