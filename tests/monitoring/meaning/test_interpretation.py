"""When the meaning of traffic is worked out, from which of it, and that nothing depends on it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitoring.meaning import interpretation
from monitoring.meaning import meaning as meanings
from monitoring.meaning.interpretation import Promises
from monitoring.store import DetectorChange, Store
from tests.support.site import ATTACK, CONFIG, QUIET, Site

JOINT = {"joint": (7, 5)}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """Put a recorder in the place of the statistics; return what they were asked."""
    calls: list[Mapping[str, Any]] = []

    def record(*given: object, **named: object) -> dict[str, Any]:
        calls.append({"meters": given[2], "finding": given[3], **named})
        return {"verdict": f"call {len(calls)}", "gate": {"passed": True}, "classes": []}

    monkeypatch.setattr(meanings, "meaning_of", record)
    return calls


def promises(_model_key: str) -> Promises:
    """Return promises that nobody looks at here."""
    return Promises(None, None)  # type: ignore[arg-type]


def run(site: Site, *, quiet: int, attack: int = 0, **options: object) -> None:
    """Close quiet buckets, then moved ones, twelve measured items each."""
    watcher = site.watcher(**{"promises": promises, **options})  # type: ignore[arg-type]
    for n in range(quiet + attack):
        site.flush(QUIET if n < quiet else ATTACK, meters=JOINT)
        site.clock.advance(10)
        watcher.tick()


def test_calm_traffic_is_interpreted_every_five_minutes(site: Site, asked: list[Mapping[str, Any]]) -> None:
    """Not at every bucket; over the last day, and without a finding."""
    run(site, quiet=62)
    assert len(asked) == 3
    assert [int(call["meters"]["joint"].sum()) for call in asked] == [12, 31 * 12, 61 * 12]
    assert all(call["finding"] is None and call["at"] is None for call in asked)
    assert len({call["seed"] for call in asked}) == 3
    meaning = site.detector().meaning
    assert meaning is not None
    assert (meaning["verdict"], meaning["alarm"]) == ("call 3", None)
    assert meaning["until"] - meaning["since"] == interpretation.CALM_STRETCH_SECONDS


def test_an_alarm_is_interpreted_at_once_and_from_its_beginning(
    site: Site, asked: list[Mapping[str, Any]]
) -> None:
    """First for its batch, then of the same traffic to be kept; it stays with it after it has ended."""
    run(site, quiet=15, attack=3)
    (alarm,) = site.store.alarms.list()
    call, again = asked[1], asked[2]
    assert {**again, "meters": None} == {**call, "meters": None}
    assert again["meters"]["joint"].tolist() == call["meters"]["joint"].tolist()
    assert (call["finding"], call["at"]) == (alarm.finding.to_json(), alarm.raised_at)
    assert call["meters"]["joint"].sum() == 12 * round((alarm.raised_at - alarm.finding.since_time) / 10)
    assert alarm.meaning is not None
    assert (alarm.meaning["verdict"], alarm.meaning["alarm"]) == ("call 3", alarm.id)
    assert alarm.meaning["since"] == alarm.finding.since_time
    run(site, quiet=60)
    assert site.store.alarms.get(alarm.id).meaning is not None
    assert site.detector().meaning["alarm"] is None  # type: ignore[index]


@pytest.mark.parametrize(("passed", "watched"), [(True, 13), (False, 6), (None, 13)])
def test_the_batch_of_an_alarm_knows_whether_the_mix_explains_its_traffic(
    site: Site, monkeypatch: pytest.MonkeyPatch, passed: bool | None, watched: int
) -> None:
    """Where it does not, half of the watched share is for what the model never saw."""
    means = {"verdict": "", "gate": {"passed": passed}, "classes": []}
    monkeypatch.setattr(meanings, "meaning_of", lambda *_given, **_named: means)
    watcher = site.watcher(promises=promises)
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=3)
    (alarm,) = site.store.alarms.list()
    assert alarm.batch_id is not None
    slices = site.store.batches.get(alarm.batch_id).manifest["slices"]
    assert slices["watched"]["asked"] == watched  # type: ignore[index, call-overload]


def test_an_alarm_whose_meaning_fails_has_its_batch(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, and the batch is as it would be without."""

    def fail(*_given: object, **_named: object) -> None:
        raise ArithmeticError("singular")

    monkeypatch.setattr(meanings, "meaning_of", fail)
    watcher = site.watcher(promises=promises)
    site.traffic(watcher, QUIET, buckets=15)
    failed = len(site.failures)
    site.traffic(watcher, ATTACK, buckets=3)
    (alarm,) = site.store.alarms.list()
    assert alarm.batch_id is not None
    assert set(site.failures[failed:]) == {"meaning"}


def test_a_batch_made_late_knows_nothing_of_the_calm_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the detector holds is still of that where the meaning of the alarm's traffic fails."""

    def mean(*given: Any, **_named: object) -> dict[str, Any]:
        if given[3] is not None:
            raise ArithmeticError("singular")
        return {"verdict": "", "gate": {"passed": False}, "classes": []}

    monkeypatch.setattr(meanings, "meaning_of", mean)
    full = site.watcher(promises=promises, config=replace(CONFIG, max_open_batches=0))
    site.traffic(full, QUIET, buckets=15)
    site.traffic(full, ATTACK, buckets=3)
    late = site.watcher(promises=promises)
    late.tick()
    site.clock.advance(70)
    late.tick()
    (alarm,) = site.store.alarms.list()
    assert alarm.batch_id is not None
    slices = site.store.batches.get(alarm.batch_id).manifest["slices"]
    assert slices["watched"]["asked"] == 13  # type: ignore[index, call-overload]


def test_traffic_that_varies_is_worth_fewer_items(site: Site, asked: list[Mapping[str, Any]]) -> None:
    """What the baseline measured of it widens the intervals; without one, items count as independent."""
    rng = np.random.default_rng(3)
    watcher = site.watcher(promises=promises)
    for _ in range(60):
        spam = int(rng.choice([0, 60]))
        site.flush((200 - spam, spam, 0), meters=JOINT)
        site.clock.advance(10)
        watcher.tick()
    assert asked[0]["dispersion"] == 1.0
    assert asked[-1]["dispersion"] > 3.0


def test_a_change_by_hand_makes_it_out_of_date(site: Site, asked: list[Mapping[str, Any]]) -> None:
    """What was worked out against another baseline is not shown any more."""
    run(site, quiet=15)
    before = len(asked)
    site.store.detectors.change(
        "mail@1",
        lambda snapshot: DetectorChange(snapshot, site.detector().status),
        who="kim",
        action="test",
        details={},
    )
    assert site.detector().meaning is None
    run(site, quiet=1)
    assert len(asked) == before + 1


def test_a_meaning_that_fails_costs_no_alarm(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, tried again after a minute, and the buckets close on time."""

    def fail(*_given: object, **_named: object) -> dict[str, Any]:
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(meanings, "meaning_of", fail)
    run(site, quiet=15, attack=3)
    (alarm,) = site.store.alarms.list()
    assert (alarm.meaning, site.detector().meaning) == (None, None)
    assert set(site.failures) == {"meaning"}
    assert len(site.failures) < 18
    assert site.detector().status["items"] == 18 * 200


def test_a_bundle_that_is_gone_is_a_failure_too(site: Site) -> None:
    """Nothing to hold the traffic against."""

    def gone(model_key: str) -> Promises:
        raise FileNotFoundError(model_key)

    run(site, quiet=2, promises=gone)
    assert site.failures == ["meaning"]


def test_the_same_bucket_has_the_same_seed(site: Site, asked: list[Mapping[str, Any]]) -> None:
    """Whoever works it out, and when; another model has another."""
    run(site, quiet=1)
    row = site.detector()
    for key in ("mail@1", "mail@1", "mail@2"):
        interpretation.interpret(
            ForAnother(site.store),  # type: ignore[arg-type]
            key,
            row,
            None,
            promises(key),
            config=CONFIG.detector,
        )
    seeds = [call["seed"] for call in asked]
    assert seeds[0] == seeds[1] == seeds[2] != seeds[3]
    assert interpretation.is_due(replace(row, meaning=None), None)


class ForAnother:
    """A store whose meters are those of one model, whatever it is asked for."""

    def __init__(self, store: Store) -> None:
        self.counts = self
        self._between: Callable[..., Any] = store.counts.meters_between

    def meters_between(self, _model_key: str, since: float, until: float) -> Any:
        """Return the meters of mail@1."""
        return self._between("mail@1", since, until)
