"""Tests of `monitoring.waves.basis`."""

from dataclasses import replace
from typing import Any

from monitoring.detection.finding import Finding
from monitoring.store import Act, Alarm, Dated
from monitoring.waves.basis import Basis, basis
from monitoring.waves.labelled import Drawn

FINDING = Finding(100.0, 640, 640, 4, 20.0, 16.0, (), ("fraud",))


def drawn(batch: str, at: float, **fields: Any) -> Drawn:
    """Return ten explored items of one source that all have a label, drawn of traffic from `at` on."""
    made = Drawn(batch, "mail@1", at, at, "mixed", True, "email", 10, 10, 0, 0, 100.0, 100.0)
    return replace(made, **fields)


def alarm(raised_at: float, **fields: Any) -> Alarm:
    """Return an open alarm whose batch is `of_alarm`."""
    made = Alarm(f"a{raised_at:.0f}", "mail@1", 5, raised_at, 0, 1, FINDING, batch_id="of_alarm")
    return replace(made, **fields)


def present(found: Basis) -> dict[str, bool]:
    """Return by batch whether it is of the traffic as it is now."""
    return {each.batch_id: each.present for each in found.batches}


def test_without_an_alarm_every_draw_is_of_the_same_traffic() -> None:
    """As far as anyone knows."""
    found = basis([drawn("one", 50.0), drawn("two", 300.0)], [])
    assert (found.moved_at, found.alarm_id, present(found)) == (None, None, {"one": True, "two": True})


def test_what_was_drawn_of_traffic_before_the_move_is_of_other_traffic() -> None:
    """Also when it was drawn afterwards, and also for the alarm: where its traffic begins is what counts."""
    draws = [
        drawn("one", 50.0),
        drawn("of_alarm", 150.0, drawn_from=60.0),
        drawn("late", 300.0, drawn_from=90.0),
        drawn("after", 300.0, drawn_from=100.0),
    ]
    found = basis(draws, [alarm(150.0)])
    assert (found.moved_at, found.alarm_id) == (100.0, "a150")
    assert present(found) == {"one": False, "of_alarm": False, "late": False, "after": True}


def test_a_second_shift_moves_it_again() -> None:
    """Then what was drawn between the two is of other traffic."""
    later = alarm(150.0, later=(Dated(260.0, replace(FINDING, since_time=200.0)),))
    draws = [drawn("of_alarm", 110.0), drawn("two", 200.0)]
    assert present(basis(draws, [later])) == {"of_alarm": False, "two": True}


def test_traffic_that_went_back_has_moved_twice() -> None:
    """An alarm that ended in calm leaves its batch behind; one that a promotion ended does not."""
    draws = [drawn("of_alarm", 100.0), drawn("two", 300.0)]
    calm, promoted = (alarm(100.0, cleared_at=250.0, ended_by=by) for by in ("calm", "promotion"))
    assert present(basis(draws, [calm])) == {"of_alarm": False, "two": True}
    assert present(basis(draws, [promoted])) == {"of_alarm": True, "two": True}


def test_a_false_alarm_moved_nothing() -> None:
    """Whether it was open or not."""
    wrong = alarm(100.0, marked_false=Act(110.0, "kim", "a test"), ended_by="false", cleared_at=110.0)
    assert present(basis([drawn("one", 50.0)], [wrong])) == {"one": True}


def test_a_draw_is_whole_when_all_of_it_has_a_label() -> None:
    """Over all of its sources; an audit batch is none, and neither is one whose draws were taken before."""
    gap = drawn("gap", 60.0, source="chat", labelled=9, skipped=1)
    found = basis(
        [
            drawn("whole", 50.0),
            drawn("whole", 50.0, source="chat"),
            drawn("gap", 60.0),
            gap,
            drawn("audit", 70.0, mode="audit"),
            drawn("taken", 80.0, complete_sample=False),
        ],
        [],
    )
    assert {each.batch_id: each.whole for each in found.batches} == {
        "whole": True,
        "gap": False,
        "audit": False,
        "taken": False,
    }
    told = found.batches[1].to_json()
    assert (told["explored"], told["labelled"], told["skipped"], told["open"]) == (20, 19, 1, 0)
