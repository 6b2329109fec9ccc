"""Which batches say something about the traffic and the model in question, and why not the others?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.labelled import BatchMode

Unused: TypeAlias = Literal[
    "other_mode", "other_classes", "other_scores", "before_the_change", "few_labels", "overlap"
]

# With fewer of a batch's drawn items labelled, those few would have to stand for too many.
MIN_RESPONSE: Final = 0.5
_MISSING: Final = ("draws_already_taken", "draws_without_text_or_id")


@dataclass(frozen=True, slots=True)
class BatchLine:
    """What one batch gives: of `drawn` explored items how many are how far; None or why it is not used.

    `left_out` are draws without an item: of what was out for labels before, or has neither text nor id.
    """

    batch_id: str
    model_key: str
    created_at: float
    drawn: int
    labelled: int
    skipped: int
    open: int
    left_out: int
    unused: Unused | None = None

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """Count a batch's explored items."""
        states = [item.state for item in explored_of(batch)]
        missing = told(batch, "left_out")
        return cls(
            batch.id,
            batch.model_key,
            batch.created_at,
            drawn=len(states),
            labelled=states.count("labelled"),
            skipped=states.count("skipped"),
            open=states.count("open"),
            left_out=sum(missing.get(name, 0) for name in _MISSING),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the batch's line of a reply."""
        return {
            "batch": self.batch_id,
            "model": self.model_key,
            "created_at": self.created_at,
            "drawn": self.drawn,
            "labelled": self.labelled,
            "skipped": self.skipped,
            "open": self.open,
            "left_out": self.left_out,
            "unused": self.unused,
        }


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be pooled: batches of these classes, scores, and this way of drawing.

    Parameters
    ----------
    scored_alike : collection of str
        Versions whose scores are those of the model in question.
    past : collection of str
        Batches of traffic from before it last moved.
    """

    classes: tuple[str, ...]
    scored_alike: Collection[str]
    past: Collection[str] = frozenset()
    mode: BatchMode = "mixed"

    def objection(self, batch: Batch, used: Sequence[Batch]) -> Unused | None:
        """Return why a batch cannot be used beside those in use already, None if it can."""
        if _mode(batch) != self.mode:
            return "other_mode"
        if batch.classes != self.classes:
            return "other_classes"
        if batch.model_key not in self.scored_alike:
            return "other_scores"
        if batch.id in self.past:
            return "before_the_change"
        line = BatchLine.of(batch)
        if not line.labelled or line.labelled < MIN_RESPONSE * line.drawn:
            return "few_labels"
        return "overlap" if any(self._clash(batch, each) for each in used) else None

    def _clash(self, batch: Batch, other: Batch) -> bool:
        """Tell whether the traffic that two batches share would be counted twice.

        Each audit draws on its own, and a batch of schema 2 or before does not say how much there was when.
        """
        (first, last), (begin, end) = _epochs(batch), _epochs(other)
        shared = first <= end and begin <= last
        return shared and (self.mode == "audit" or not (counted(batch) and counted(other)))


def explored_of(batch: Batch) -> list[BatchItem]:
    """Return the items of the exploration stratum."""
    return [item for item in batch.items if item.stratum == "exploration"]


def counted(batch: Batch) -> Mapping[str, Mapping[int, int]]:
    """Return how many occurrences there were by source and epoch; of nothing where nobody wrote it down."""
    items = told(batch, "epochs").get("items", {})
    return {source: {int(epoch): n for epoch, n in each.items()} for source, each in items.items()}


def epoch_of(batch: Batch, at: float) -> int:
    """Return the epoch of a time."""
    return int(at // told(batch, "epochs")["seconds"])


def told(batch: Batch, name: str) -> Mapping[str, Any]:
    """Return what the manifest says under a name; nothing where it is of an earlier schema."""
    found = batch.manifest.get(name)
    return found if isinstance(found, Mapping) else {}


def _mode(batch: Batch) -> BatchMode:
    return "audit" if batch.manifest.get("mode") == "audit" else "mixed"


def _epochs(batch: Batch) -> tuple[float, float]:
    epochs = told(batch, "epochs")
    return epochs.get("first", batch.created_at), epochs.get("last", batch.created_at)
