"""The demo's labelers lease by turns until a batch is done, and are wrong as often as they should be."""

import random
from typing import Any

import pytest

from service.cli.demo.labelers import ERROR, LEASE_ITEMS, NAMES, Labelers


class Desk:
    """A batch of a service: hands out items until none is left, and remembers who said what."""

    def __init__(self, keys: list[str]) -> None:
        self.keys, self.said, self.leases = keys, dict[str, tuple[str, str]](), list[str]()
        self._answer: dict[str, Any] = {}

    def get(self, _path: str) -> "Desk":
        """Say how far the batch is."""
        self._answer = {"state": "open" if self.keys else "closed"}
        return self

    def post(self, path: str, *, json: dict[str, Any]) -> "Desk":
        """Lease items or take labels."""
        if path.endswith("/lease"):
            given, self.keys = self.keys[: json["size"]], self.keys[json["size"] :]
            self.leases.append(json["who"])
            self._answer = {"lease": "l", "items": [{"key": key, "id": key} for key in given]}
        else:
            new = [row for row in json["labels"] if row["key"] not in self.said]
            self.said |= {row["key"]: (row["annotator"], row["label"]) for row in new}
            self._answer = {"accepted": len(new), "repeated": len(json["labels"]) - len(new)}
        return self

    def json(self) -> dict[str, Any]:
        """Return the last answer."""
        return self._answer


def test_two_people_share_a_batch_and_err_now_and_then() -> None:
    """Each item is labelled once, by turns, with 5 % errors within four standard errors."""
    keys = [f"item {k}" for k in range(2_000)]
    desk = Desk(list(keys))
    labelers = Labelers(desk, dict.fromkeys(keys, "a"), ("a", "b", "c"), random.Random(1))  # type: ignore[arg-type]
    labelers.label("batch")
    assert set(desk.said) == set(keys)
    assert set(desk.leases) == set(NAMES)
    assert len(desk.leases) == 2_000 / LEASE_ITEMS
    wrong = sum(label != "a" for _, label in desk.said.values())
    assert (labelers.given, labelers.wrong) == (2_000, wrong)
    assert wrong == pytest.approx(2_000 * ERROR, abs=4 * (2_000 * ERROR * (1 - ERROR)) ** 0.5)
    assert all((first["accepted"], again["repeated"]) == (25, 25) for first, again in labelers.receipts)
