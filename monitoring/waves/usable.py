"""Which batches say something about the traffic and the model in question, and why not the others?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

from model_store.bundles.bundle import ModelKey
from monitoring.waves.batches import Batch, BatchItem, Place
from monitoring.waves.carried import draws_taken, standing_for, unknown
from monitoring.waves.labelled import BatchMode

Unused: TypeAlias = Literal[
    "other_mode", "other_classes", "other_scores", "before_the_change", "few_labels", "overlap"
]

# Items with a label, and the version that answered them, by their place.
Labels: TypeAlias = Mapping[Place, tuple[BatchItem, ModelKey]]

# With fewer of a batch's drawn items labelled, those few would have to stand for too many.
MIN_RESPONSE: Final = 0.5
_MISSING: Final = ("draws_already_taken", "draws_without_text_or_id")


@dataclass(frozen=True, slots=True)
class BatchLine:
    """What one batch gives: of `drawn` explored items how many are how far; None or why it is not used.

    `left_out` are draws without an item: like what the model was made from, or with neither text nor id.
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
    def of(cls, batch: Batch, labels: Labels) -> Self:
        """Count a batch's explored items, those of other batches that stand for its draws among them."""
        states = [item.state for item, _ in explored_of(batch, labels)]
        missing = told(batch, "left_out")
        return cls(
            batch.id,
            batch.model_key,
            batch.created_at,
            drawn=len(states),
            labelled=states.count("labelled"),
            skipped=states.count("skipped"),
            open=states.count("open"),
            left_out=sum(missing.get(name, 0) for name in _MISSING) - len(draws_taken(batch)),
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

    def objection(self, batch: Batch, used: Sequence[Batch], labels: Labels) -> Unused | None:
        """Return why a batch cannot be used beside those in use already, None if it can."""
        if _mode(batch) != self.mode:
            return "other_mode"
        if batch.classes != self.classes:
            return "other_classes"
        if batch.model_key not in self.scored_alike:
            return "other_scores"
        if batch.id in self.past:
            return "before_the_change"
        line = BatchLine.of(batch, labels)
        if not line.labelled or line.labelled < MIN_RESPONSE * line.drawn:
            return "few_labels"
        return "overlap" if any(self._clash(batch, each) for each in used) else None

    def labels(self, batches: Iterable[Batch]) -> Labels:
        """Return the labelled items with scores and classes of the version in question, by place."""
        return {
            (batch.id, item.rank): (item, batch.model_key)
            for batch in batches
            if batch.classes == self.classes and batch.model_key in self.scored_alike
            for item in batch.items
            if item.state == "labelled"
        }

    def _clash(self, batch: Batch, other: Batch) -> bool:
        """Tell whether the traffic that two batches share would be counted twice.

        Each audit draws on its own, and a batch of schema 2 or before does not say how much there was when.
        """
        (first, last), (begin, end) = _epochs(batch), _epochs(other)
        shared = first <= end and begin <= last
        return shared and (self.mode == "audit" or not (counted(batch) and counted(other)))


def explored_of(batch: Batch, labels: Labels) -> list[tuple[BatchItem, ModelKey]]:
    """Return the items of the exploration stratum, and the version that answered each.

    A draw like an item of another batch is that item: with its label if it has one by now.
    """
    found = [(item, batch.model_key) for item in batch.items if item.stratum == "exploration"]
    for draw in draws_taken(batch):
        known = labels.get((draw["batch"], draw["rank"]))
        item, model = (unknown(draw), batch.model_key) if known is None else known
        found.append((standing_for(item, draw), model))
    return found


def counted(batch: Batch) -> Mapping[str, Mapping[int, int]]:
    """Return how many occurrences there were by source and epoch; of nothing where nobody wrote it down.

    An epoch of which earlier batches had drawn all that was held is theirs, and none of this one.
    """
    items, sources = told(batch, "epochs").get("items", {}), told(batch, "sources")
    beyond = {source: set(each.get("epochs_beyond", ())) for source, each in sources.items()}
    return {
        source: {int(epoch): n for epoch, n in each.items() if int(epoch) not in beyond.get(source, ())}
        for source, each in items.items()
    }


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
