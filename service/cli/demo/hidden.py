"""How good were the answers really? Recall and precision of a class by the truth that only the demo knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.cli.demo.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the demo's traffic, and how the service did in it.

    Parameters
    ----------
    items, positives, flagged, hits : int
        Items, those of the class, those answered with its flag, and both.
    """

    name: str
    items: int
    positives: int
    flagged: int
    hits: int

    @property
    def recall(self) -> float:
        """Share of the class that was flagged; 1 where there is none of it."""
        return self.hits / self.positives if self.positives else 1.0

    @property
    def precision(self) -> float:
        """Share of the flagged that are of the class; 1 where none is flagged."""
        return self.hits / self.flagged if self.flagged else 1.0

    def to_json(self) -> Mapping[str, object]:
        """Return counts and both shares."""
        return {
            "stretch": self.name,
            "items": self.items,
            "positives": self.positives,
            "recall": round(self.recall, 4),
            "precision": round(self.precision, 4),
        }


def stretch(name: str, traffic: Traffic, ids: Sequence[str], *, watched: str) -> Stretch:
    """Return how the service did on the items of these ids."""
    positive = [traffic.truth[each] == watched for each in ids]
    flagged = [watched in traffic.flags[each] for each in ids]
    hits = sum(one and other for one, other in zip(positive, flagged, strict=True))
    return Stretch(name, len(ids), sum(positive), sum(flagged), hits)
