"""What did the labelers say: the labels that come back, row by row, each taken or refused with its reason."""

from dataclasses import dataclass
from typing import Final, NamedTuple

# Always accepted beside the model's own classes: how labelers report a class the model does not know.
NONE_OF_THESE: Final = "none_of_these"


class Rejection(NamedTuple):
    """A row that was refused: its position (from 0) in what was posted, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One annotation of one item; `annotation_id` makes a repeat recognisable.

    `label` is a class name, `none_of_these`, or None when the labeler `skipped` the item.
    """

    key: str
    label: str | None
    annotation_id: str
    annotator: str | None = None
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """What became of the rows posted: how many were new, how many were known already, which were refused."""

    accepted: int
    repeated: int
    rejected: tuple[Rejection, ...] = ()
