"""What is known of one alarm: its finding, what came after it, what people said of it, and how it ended."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.detection.finding import Finding, Strongest

# Fresh traffic was calm; another baseline was frozen; a person called it false; the version that was proposed
# against it was promoted; its own version was rolled back; another version took over.
EndedBy: TypeAlias = Literal["calm", "baseline", "false", "promotion", "rollback", "superseded"]


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person said of an alarm; `at` is UTC epoch seconds."""

    at: float
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Dated:
    """What the detector found at `at`, UTC epoch seconds."""

    at: float
    finding: Finding

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return {"at": self.at, "finding": self.finding.to_json()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        return cls(stored["at"], Finding.from_json(stored["finding"]))


@dataclass(frozen=True, slots=True)
class Ended:
    """When, UTC epoch seconds, and by what an alarm ended, its strongest window, and the proposal, if any."""

    at: float
    by: EndedBy
    strongest: Strongest | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm and its batch, or why it has none. Times are UTC epoch seconds.

    Attributes
    ----------
    bucket_seq : int
        The bucket that raised it; the wave samples the epochs from `first_epoch` to `last_epoch` as they were
        counted up to that bucket.
    finding : Finding
        What raised it.
    strongest : Strongest or None
        The window of the strongest evidence while it was open; None until it ended.
    later : tuple of Dated
        Second, different shifts that were found while it was open.
    cleared_at, ended_by
        None while it is open.
    ended_cause : str or None
        The proposal whose promotion ended it.
    acknowledged, marked_false : Act or None
        Who said that somebody looks after it, and that nothing had moved.
    meaning : mapping or None
        What `monitoring.meaning.meaning` last made of it.
    """

    id: str
    model_key: ModelKey
    bucket_seq: int
    raised_at: float
    first_epoch: int
    last_epoch: int
    finding: Finding
    strongest: Strongest | None = None
    later: tuple[Dated, ...] = ()
    cleared_at: float | None = None
    ended_by: EndedBy | None = None
    acknowledged: Act | None = None
    marked_false: Act | None = None
    meaning: Mapping[str, Any] | None = None
    batch_id: str | None = None
    batch_note: str | None = None
    ended_cause: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.cleared_at is None

    @property
    def watched(self) -> tuple[str, ...]:
        """The classes whose items are worth looking at, those of later findings too, each once."""
        named = [
            name for found in (self.finding, *(each.finding for each in self.later)) for name in found.watched
        ]
        return tuple(dict.fromkeys(named))


def alarm_id(model_key: ModelKey, bucket_seq: int) -> str:
    """Return the id of the alarm that bucket raises: the same whoever closes it, however often."""
    return hashlib.sha256(f"alarm\0{model_key}\0{bucket_seq}".encode()).hexdigest()[:16]


def columns_of(alarm: Alarm) -> dict[str, Any]:
    """Return the columns of an alarm that was just raised; nobody has said anything of it yet."""
    return {
        "alarm_id": alarm.id,
        "model_key": alarm.model_key,
        "bucket_seq": alarm.bucket_seq,
        "raised_at": alarm.raised_at,
        "cleared_at": alarm.cleared_at,
        "ended_by": alarm.ended_by,
        "first_epoch": alarm.first_epoch,
        "last_epoch": alarm.last_epoch,
        "finding": alarm.finding.to_json(),
        "strongest": None if alarm.strongest is None else alarm.strongest.to_json(),
        "findings": [each.to_json() for each in alarm.later] or None,
        "batch_id": alarm.batch_id,
        "batch_note": alarm.batch_note,
    }


def alarm_of(row: "sa.Row[Any]") -> Alarm:
    """Return the alarm of a row."""
    return Alarm(
        id=row.alarm_id,
        model_key=row.model_key,
        bucket_seq=row.bucket_seq,
        raised_at=row.raised_at,
        first_epoch=row.first_epoch,
        last_epoch=row.last_epoch,
        finding=Finding.from_json(row.finding),
        strongest=None if row.strongest is None else Strongest(**row.strongest),
        later=tuple(Dated.from_json(each) for each in row.findings or ()),
        cleared_at=row.cleared_at,
        # Until there was a reason to tell apart, what was cleared was called calm.
        ended_by=row.ended_by or (None if row.cleared_at is None else "calm"),
        acknowledged=_act(row.acknowledged_at, row.acknowledged_by, row.acknowledged_why),
        marked_false=_act(row.false_at, row.false_by, row.false_why),
        meaning=row.meaning,
        batch_id=row.batch_id,
        batch_note=row.batch_note,
        ended_cause=row.ended_cause,
    )


def _act(at: float | None, by: str | None, why: str | None) -> Act | None:
    return None if at is None else Act(at, by or "", why or "")
