"""What did the labelers say: each row that came back is taken or refused, and what all of an item come to."""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

from monitoring.waves.label_row import LabelRow, RowError, names_in

__all__ = [
    "NONE_OF_THESE",
    "LabelReceipt",
    "LabelRow",
    "Note",
    "NoteCode",
    "ParsedLabels",
    "Rejection",
    "RowError",
    "last_words",
    "of_batch",
    "settle",
]

NoteCode: TypeAlias = Literal["lease_over", "taken_by_another", "other_since"]

# Always accepted beside the model's own classes: how labelers report a class the model does not know. An item
# that may have any number of labels has none of them then.
NONE_OF_THESE: Final = "none_of_these"
_LISTED_LABELS: Final = 20
_QUOTED_CHARACTERS: Final = 60


class Rejection(NamedTuple):
    """A refused row, by its position (from 0) in what was posted, and why."""

    row: int
    reason: str


class Note(NamedTuple):
    """A row that came after its lease was over, and counts all the same, or one before another word."""

    row: int
    code: NoteCode


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """What became of the rows posted: how many were new, how many were known already, which were refused."""

    accepted: int
    repeated: int
    rejected: tuple[Rejection, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedLabels:
    """The readable rows of a posting, their positions in it, and the rows that cannot be read.

    `batches` are those that the readable rows name, None for one that names none.
    """

    rows: tuple[LabelRow, ...]
    positions: tuple[int, ...]
    rejected: tuple[Rejection, ...] = ()
    batches: tuple[str | None, ...] = ()

    def complete(self, receipt: LabelReceipt) -> LabelReceipt:
        """Return the store's receipt for `rows` as a receipt for the whole posting."""
        refused = [Rejection(self.positions[row], reason) for row, reason in receipt.rejected]
        rejected = tuple(sorted([*self.rejected, *refused]))
        notes = tuple(Note(self.positions[row], code) for row, code in receipt.notes)
        return LabelReceipt(receipt.accepted, receipt.repeated, rejected, notes)


def of_batch(
    row: LabelRow, *, keys: Container[str], classes: Sequence[str], multilabel: bool = False
) -> LabelRow:
    """Return the row as a label of this batch: one class, or with `multilabel` the sorted names of all.

    Any number of labels is a list, or text as in `a|b`. None of them is the empty list or `none_of_these`.

    Parameters
    ----------
    keys : container of str
        The item keys of the batch.
    classes : sequence of str
        Of the model that chose its items.

    Raises
    ------
    RowError
        It cannot be one; str() is the reason.
    """
    if row.key not in keys:
        raise RowError(f"unknown item {_quoted(row.key)}: this batch has no such key")
    if row.label is None:
        return row
    known = (*classes, NONE_OF_THESE)
    names = row.label
    if isinstance(names, str):
        names = names_in(names) if multilabel and names not in known else (names,)
    for name in names:
        if name not in known:
            raise RowError(f"unknown label {_quoted(name)}: allowed are {_listed(classes)}")
    if not multilabel:
        if len(names) != 1:
            raise RowError(f"{len(names)} labels: an item of this batch has exactly one")
        return replace(row, label=names[0])
    if NONE_OF_THESE in names and len(set(names)) > 1:
        raise RowError(f"{NONE_OF_THESE} beside another label: send one of the two")
    return replace(row, label=tuple(sorted(set(names) - {NONE_OF_THESE})))


def last_words(rows: Iterable[LabelRow]) -> tuple[LabelRow, ...]:
    """Return the last annotation of each annotator, by who spoke last; adjudications are not among them."""
    last: dict[str | None, LabelRow] = {}
    for row in rows:
        if not row.adjudicated:
            last.pop(row.annotator, None)
            last[row.annotator] = row
    return tuple(last.values())


def settle(rows: Sequence[LabelRow]) -> LabelRow | None:
    """Return the annotation that decides an item, given all of its in order of arrival; None without any.

    An adjudication decides, the last one of several. Without one the last word of each annotator counts: the
    majority decides, among equals the one given last. Where an item may have several labels, so it is for
    each of them. An item is skipped only when nobody labelled it.
    """
    adjudicated = [row for row in rows if row.adjudicated]
    if adjudicated:
        return adjudicated[-1]
    words = last_words(rows)
    given = [row for row in words if not row.skipped] or words
    if not given:
        return None
    if isinstance(given[-1].label, tuple):
        return replace(given[-1], label=_settled_names(given))
    votes = Counter(row.label for row in given)
    return max(enumerate(given), key=lambda placed: (votes[placed[1].label], placed[0]))[1]


def _settled_names(given: Sequence[LabelRow]) -> tuple[str, ...]:
    """Return the labels that more than half gave, or half with the one who spoke last among them."""
    sets = [frozenset(row.label or ()) for row in given]
    votes = Counter(name for each in sets for name in each)
    # The last word breaks a tie: worth half a vote more than the others.
    return tuple(sorted(name for name, n in votes.items() if 2 * n + (name in sets[-1]) > len(sets)))


def _listed(classes: Sequence[str]) -> str:
    allowed = ", ".join((*classes[:_LISTED_LABELS], NONE_OF_THESE))
    more = f" and {len(classes) - _LISTED_LABELS} more" if len(classes) > _LISTED_LABELS else ""
    return allowed + more


def _quoted(value: str) -> str:
    return repr(value if len(value) <= _QUOTED_CHARACTERS else f"{value[:_QUOTED_CHARACTERS]}…")
