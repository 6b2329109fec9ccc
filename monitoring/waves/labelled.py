"""What came of the items that were labelled: each with its settled label, how it was chosen, who agreed?"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_store.graphs.inputs import InputKind
from monitoring.waves.batches import PARTIAL, BatchItem

BatchMode: TypeAlias = Literal["mixed", "audit"]


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """An item whose label is settled, and what its batch says of it.

    `item` carries the settled label, the model's probabilities, what it answered, the stratum and the weight.
    `annotators` is how many people gave it a label, `agreed` whether their last words are equal.
    """

    batch_id: str
    alarm_id: str | None
    model_key: str
    created_at: float
    mode: BatchMode
    complete_sample: bool
    classes: tuple[str, ...]
    multilabel: bool
    input_kind: InputKind
    item: BatchItem
    annotators: int
    agreed: bool

    @property
    def stratum(self) -> str:
        """Return the stratum as files say it: that of a drawn item tells whether the draw is whole."""
        drawn = self.item.stratum == "exploration"
        return PARTIAL if drawn and not self.complete_sample else self.item.stratum


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many items of a batch's exploration stratum are of one source, and how far their labeling is.

    `drawn_from` is where the traffic that was drawn from begins, UTC epoch seconds.

    `weight` and `labelled_weight` are the sums of `BatchItem.weight` of all of them and of those with a
    label: how much of the traffic was drawn, and how much of it answered.
    """

    batch_id: str
    model_key: str
    created_at: float
    drawn_from: float
    mode: BatchMode
    complete_sample: bool
    source: str
    items: int
    labelled: int
    skipped: int
    open: int
    weight: float
    labelled_weight: float
