"""Alarms over HTTP: what is behind one, who looks after it, and whether it was one at all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.support import bundles
from tests.support.house import House

CALM, MOVED = (0.6, 0.3, 0.1), (0.3, 0.2, 0.5)


def alarmed(house: House) -> dict[str, Any]:
    """Let the mix be calm until the baseline freezes, then move; return the alarm."""
    for seed in range(14):
        if seed == 9:
            house.clock.advance(600)  # what candidates are kept begins anew every ten minutes
        names = np.random.default_rng(seed).choice(bundles.NAMED, 100, p=CALM if seed < 9 else MOVED)
        house.answer([f"{name} case{seed}x{at}" for at, name in enumerate(names)])
    found: dict[str, Any] = house.local.get("/v1/drift").json()["last_alarm"]
    return found


def test_an_alarm_comes_with_items_behind_it(house: House) -> None:
    """Up to 20 of the class that rose, each with its text, and nothing on the way keeps them."""
    alarm = alarmed(house)
    answer = house.local.get(f"/v1/drift/alarms/{alarm['id']}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    shown = answer.json()
    assert {name: shown[name] for name in alarm} == alarm
    items = shown["items"]
    assert 0 < len(items) <= 20
    assert {each["class"] for each in items} <= set(alarm["finding"]["watched"])
    assert all(each["class"] in each["text"] for each in items)
    assert all(0.5 < each["probability"] <= 1 for each in items)
    assert all(alarm["since_time"] <= each["at"] for each in items)


def test_items_are_shown_to_nobody_else(house: House) -> None:
    """Another host sees that there is an alarm, and no words of anybody."""
    alarm = alarmed(house)
    refused = house.remote.get(f"/v1/drift/alarms/{alarm['id']}")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:seamark:problem:remote-refused")
    assert house.remote.get("/v1/drift").json()["last_alarm"] == alarm


def test_no_text_is_shown_where_none_is_kept(open_house: Callable[..., House]) -> None:
    """Without texts and without ids there is nothing to show."""
    house = open_house(keep_text="none")
    alarm = alarmed(house)
    items = house.local.get(f"/v1/drift/alarms/{alarm['id']}").json()["items"]
    assert [each["text"] for each in items] == [None] * len(items)


def test_an_alarm_is_acknowledged(house: House) -> None:
    """By whom and why is part of the alarm; its state stays."""
    alarm = alarmed(house)
    path = f"/v1/drift/alarms/{alarm['id']}/acknowledge"
    said = house.local.post(path, json={"by": "kim"}).json()
    assert (said["acknowledged"]["by"], said["acknowledged"]["why"]) == ("kim", "")
    assert house.local.post(path, json={"by": "ada", "why": "me too"}).json() == said
    seen = house.local.get("/v1/drift").json()
    assert (seen["state"], seen["last_alarm"]["acknowledged"]["by"]) == ("drift", "kim")


def test_an_alarm_is_called_false(house: House) -> None:
    """It ends, and the history says so; the reason is asked for."""
    alarm = alarmed(house)
    path = f"/v1/drift/alarms/{alarm['id']}/false"
    refused = house.local.post(path, json={"by": "kim"})
    assert (refused.status_code, refused.json()["field"]) == (422, "$.why")
    said = house.local.post(path, json={"by": "kim", "why": "a crawler"}).json()
    assert (said["ended_by"], said["marked_false"]["why"]) == ("false", "a crawler")
    assert said["strongest"]["statistic"] >= alarm["finding"]["statistic"]
    assert house.local.get("/v1/drift").json()["state"] != "drift"
    assert house.local.get("/v1/drift/history").json()["alarms"] == [said]


@pytest.mark.parametrize("act", ["", "/acknowledge", "/false"])
def test_an_unknown_alarm_is_a_problem(house: House, act: str) -> None:
    """404 with the place where alarms are listed."""
    path = f"/v1/drift/alarms/nope{act}"
    answer = house.local.post(path, json={"by": "kim", "why": "?"}) if act else house.local.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:seamark:problem:unknown-alarm")
    assert "/v1/drift/history" in answer.json()["detail"]
