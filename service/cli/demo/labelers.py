"""Who labels in the demo: two simulated people who lease items by turns and are wrong now and then."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from service.cli.client import Client

NAMES: Final = ("ann", "ben")
ERROR: Final = 0.05  # of their labels
LEASE_ITEMS: Final = 25


@dataclass(slots=True)
class Labelers:
    """Labels batches until nothing is left in them.

    Parameters
    ----------
    truth : mapping of str to str
        Hidden label by item id; what they say when they are right.

    Attributes
    ----------
    given, wrong : int
        Labels so far, and how many of them are not the truth.
    """

    client: Client
    truth: Mapping[str, str]
    classes: Sequence[str]
    rng: random.Random
    given: int = 0
    wrong: int = 0
    receipts: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def label(self, batch: str) -> None:
        """Lease and label by turns until both get nothing; every posting is sent twice."""
        waiting = list(NAMES)
        while waiting and self.client.get(f"/v1/batches/{batch}").json()["state"] == "open":
            who = waiting.pop(0)
            body = {"who": who, "size": LEASE_ITEMS, "minutes": 10}
            lease = self.client.post(f"/v1/batches/{batch}/lease", json=body).json()
            if not lease["items"]:
                continue
            waiting.append(who)
            rows = [
                {
                    "key": item["key"],
                    "label": self._said(item["id"]),
                    "annotator": who,
                    "annotation_id": f"{lease['lease']}-{item['key']}",
                    "lease": lease["lease"],
                }
                for item in lease["items"]
            ]
            first, again = (
                self.client.post(f"/v1/batches/{batch}/labels", json={"labels": rows}).json()
                for _ in range(2)
            )
            self.receipts.append((first, again))

    def _said(self, item_id: str) -> str:
        truth = self.truth[item_id]
        self.given += 1
        if self.rng.random() >= ERROR:
            return truth
        self.wrong += 1
        return self.rng.choice([name for name in self.classes if name != truth])
