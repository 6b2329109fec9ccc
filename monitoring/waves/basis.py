"""Basis: which explored labels are of the traffic as it is now, and whose draw came back whole?

A claim is about traffic. What was drawn of traffic from before it last moved, or of a stretch in which it
moved, is a sample of other traffic; and a draw of which labelers left items out is none: what they leave out
is seldom left out by chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.store import Alarm
from monitoring.waves.labelled import Drawn


@dataclass(frozen=True, slots=True)
class BatchBasis:
    """What the exploration stratum of one batch is good for.

    Parameters
    ----------
    present : bool
        All that it was drawn from is traffic since that last moved.
    whole : bool
        Its items are the draws one by one, and each of them has a label.
    explored, labelled, skipped, open : int
        Items of the stratum, and how many of them are how far.
    """

    batch_id: str
    created_at: float
    present: bool
    whole: bool
    explored: int
    labelled: int
    skipped: int
    open: int

    def to_json(self) -> dict[str, Any]:
        """Return the batch's line of a reply."""
        return {
            "batch": self.batch_id,
            "created_at": self.created_at,
            "present": self.present,
            "whole": self.whole,
            "explored": self.explored,
            "labelled": self.labelled,
            "skipped": self.skipped,
            "open": self.open,
        }


@dataclass(frozen=True, slots=True)
class Basis:
    """When the traffic last moved (UTC epoch seconds) and by which alarm, None if never; and the batches."""

    moved_at: float | None
    alarm_id: str | None
    batches: tuple[BatchBasis, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what a proposal is made on."""
        return {
            "moved_at": self.moved_at,
            "alarm": self.alarm_id,
            "batches": [each.to_json() for each in self.batches],
        }


@dataclass(frozen=True, slots=True)
class Move:
    """When the traffic last moved (UTC epoch seconds, as estimated), and the alarm that says so."""

    at: float
    alarm: Alarm


def last_move(alarms: Iterable[Alarm]) -> Move | None:
    """Return the last move of the traffic, None where no alarm tells of one.

    Parameters
    ----------
    alarms : iterable of Alarm
        Of every version of the model. One that was marked false is as if it never was; one that ended since
        the traffic was as before moved it twice.
    """
    real = [alarm for alarm in alarms if alarm.marked_false is None and alarm.ended_by != "false"]
    return max((Move(_moved_at(each), each) for each in real), key=lambda move: move.at, default=None)


def basis(drawn: Iterable[Drawn], alarms: Sequence[Alarm]) -> Basis:
    """Return what each batch's explored labels are good for; the alarms are as for `last_move`."""
    move = last_move(alarms)
    by_batch: dict[str, list[Drawn]] = {}
    for each in drawn:
        by_batch.setdefault(each.batch_id, []).append(each)
    return Basis(
        None if move is None else move.at,
        None if move is None else move.alarm.id,
        tuple(
            _of_batch(batch, parts, present=move is None or parts[0].drawn_from >= move.at)
            for batch, parts in by_batch.items()
        ),
    )


def _moved_at(alarm: Alarm) -> float:
    if alarm.ended_by == "calm" and alarm.cleared_at is not None:
        return alarm.cleared_at
    return alarm.later[-1].finding.since_time if alarm.later else alarm.finding.since_time


def _of_batch(batch: str, parts: Sequence[Drawn], *, present: bool) -> BatchBasis:
    items, labelled, skipped, still_open = (
        sum(getattr(each, what) for each in parts) for what in ("items", "labelled", "skipped", "open")
    )
    first = parts[0]
    complete = first.complete_sample and first.mode == "mixed"
    return BatchBasis(
        batch_id=batch,
        created_at=first.created_at,
        present=present,
        whole=complete and labelled == items,
        explored=items,
        labelled=labelled,
        skipped=skipped,
        open=still_open,
    )
