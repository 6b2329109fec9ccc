"""The commands by which people act on a detector."""

import time

import pytest

from tests.support.answering import answering
from tests.support.command import Command
from tests.support.drift_answers import ALARM, STATUS

EXPECTED = {"expectations": [{"class": "billing", "until": 1_795_600_000.0}]}


def test_a_planned_change_is_announced_and_ended(seamark: Command):
    """With who, why and until when; what is expected now is the answer."""
    answers = {("POST", "/v1/drift/expect"): EXPECTED, ("POST", "/v1/drift/expect/end"): {"expectations": []}}
    with answering(answers) as service:
        began = ("drift", "expect", "billing", "--why", "sale", "--for", "2d", "--by", "kim")
        code, out, _ = seamark(*began, "--url", service.url)
        assert (code, out) == (0, "expected to move: billing until 2026-11-25 09:46\n")
        assert seamark("drift", "expect", "billing", "--url", service.url)[0] == 2
        ended = ("drift", "expect", "billing", "--end", "--by", "kim")
        assert seamark(*ended, "--url", service.url)[1] == "nothing is expected to move\n"
    first, second = (body for _, _, body in service.asked)
    assert first.pop("until") == pytest.approx(time.time() + 2 * 86_400, abs=60)
    assert first == {"class": "billing", "by": "kim", "why": "sale"}
    assert second == {"class": "billing", "by": "kim", "why": ""}


def test_a_change_is_announced_of_a_named_version(seamark: Command):
    """Also before it is in force."""
    with answering({("POST", "/v1/drift/expect"): EXPECTED}) as service:
        line = ("drift", "expect", "billing", "--why", "sale", "--model", "tickets@2")
        assert seamark(*line, "--url", service.url)[0] == 0
    assert service.asked[0][1] == "/v1/drift/expect?model=tickets%402"


def test_the_open_alarm_is_acknowledged_without_its_id(seamark: Command):
    """Its id is looked up; a reason may be left out."""
    path = ("POST", "/v1/drift/alarms/a1/acknowledge")
    with answering({("GET", "/v1/drift"): STATUS, path: ALARM}) as service:
        code, out, _ = seamark("drift", "acknowledge", "--url", service.url, "--by", "kim")
    assert (code, out) == (0, "a1: acknowledged by kim\n")
    assert service.asked[-1] == (*path, {"by": "kim"})


def test_a_named_alarm_is_called_false_with_a_reason(seamark: Command):
    """Which has to be given."""
    path = ("POST", "/v1/drift/alarms/a0/false")
    marked = ALARM | {"id": "a0", "marked_false": {"at": 0.0, "by": "lee", "why": "a test"}}
    with answering({path: marked}) as service:
        line = ("drift", "false", "a0", "--url", service.url, "--by", "lee")
        assert seamark(*line, "--why", "a test")[1] == "a0: false, says lee\n"
        assert seamark(*line)[0] == 2
    assert service.asked == [(*path, {"by": "lee", "why": "a test"})]


@pytest.mark.parametrize("last", [None, ALARM | {"cleared_at": 1.0}], ids=["none", "cleared"])
def test_without_an_open_alarm_one_has_to_be_named(seamark: Command, last: object):
    """The line says where they are listed."""
    with answering({("GET", "/v1/drift"): STATUS | {"last_alarm": last}}) as service:
        code, _, err = seamark("drift", "acknowledge", "--url", service.url)
    assert (code, err) == (1, "seamark: no alarm is open; name one of `seamark drift history`\n")


def test_a_length_that_is_none_is_a_usage_error(seamark: Command):
    """Nothing is sent."""
    code, _, err = seamark("drift", "expect", "billing", "--why", "sale", "--for", "ever")
    assert code == 2
    assert "'ever' is not a length of time" in err
