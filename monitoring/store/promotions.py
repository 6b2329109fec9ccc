"""Which promotions does the state know, and what did each change: proposals, alarms and detectors?

The store of models says which version is in force, in files of its own, and writes them first. The state
follows in one transaction a promotion: killed between the two, whoever looks next finds a promotion that is
not in the state yet and follows it with the same result. Entries of the audit tell which were followed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from model_store.promotions import Promotion
from monitoring.proposing import Proposal
from monitoring.store.alarm import Ended, EndedBy
from monitoring.store.alarms import clear_alarms
from monitoring.store.audit import insert_audit
from monitoring.store.database import Database
from monitoring.store.detectors import DetectorChange, Snapshot, read_detector, replace_detector
from monitoring.store.proposals import mark_promoted
from monitoring.store.tables import alarms, audit

# From a detector's snapshot, when and by what its alarm ends: the detector without it, None if it has none.
Retire: TypeAlias = Callable[[Snapshot, float, EndedBy], DetectorChange | None]

_ACTIONS: Final = ("promote", "rollback")


class PromotionsTable:
    """What the state made of promotions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(self, history: Sequence[Promotion], *, retire: Retire) -> int:
        """Follow the promotions of a model's `history` that are new to the state; return how many were.

        The proposal of the version put in force is promoted and an older open one superseded. Open alarms of
        versions that are not in force any more end: by the promotion of a proposal, with the proposal as
        the cause; by a rollback; else, as they did before, when the new version has a baseline of its own.
        """
        if not history:
            return 0
        with self._database.read() as connection:
            if not _unknown(connection, history):
                return 0
        with self._database.write(durable=True) as connection:
            new = _unknown(connection, history)
            for promotion in new:
                _follow(connection, promotion, retire)
            return len(new)


def _unknown(connection: sa.Connection, history: Sequence[Promotion]) -> list[Promotion]:
    """Return the promotions without an entry, oldest first."""
    query = sa.select(audit.c.details).where(
        audit.c.action.in_(_ACTIONS), audit.c.model_key.startswith(f"{history[-1].name}@", autoescape=True)
    )
    known = {(details["seq"], details["at"]) for details in connection.scalars(query)}
    return [each for each in history if (each.seq, each.at) not in known]


def _follow(connection: sa.Connection, promotion: Promotion, retire: Retire) -> None:
    at, key = promotion.at, f"{promotion.name}@{promotion.to_version}"
    proposal = mark_promoted(
        connection,
        model_name=promotion.name,
        version=promotion.to_version,
        at=at,
        who=promotion.who,
        why=promotion.why,
    )
    by = _ends(connection, promotion, proposal)
    cause = proposal.id if proposal is not None and by == "promotion" else None
    if by is not None:
        for other in _with_open_alarm(connection, promotion, key):
            _end_alarm(connection, other, Ended(at, by, cause=cause), retire)
    insert_audit(
        connection,
        at=at,
        who=promotion.who,
        action=promotion.action,
        model_key=key,
        details={
            "seq": promotion.seq,
            "at": at,
            "from": promotion.from_version,
            "why": promotion.why,
            "proposal": None if proposal is None else proposal.id,
        },
    )


def _ends(connection: sa.Connection, promotion: Promotion, proposal: Proposal | None) -> EndedBy | None:
    """Return by what alarms of other versions end; None while the new one's first baseline is to end them."""
    if promotion.action == "rollback":
        return "rollback"
    if proposal is not None:
        return "promotion"
    row = read_detector(connection, f"{promotion.name}@{promotion.to_version}")
    baseline = None if row is None else row.status.get("baseline")
    return "superseded" if baseline is not None and baseline["kind"] == "frozen" else None


def _with_open_alarm(connection: sa.Connection, promotion: Promotion, key: ModelKey) -> list[ModelKey]:
    """Return the model's other versions with an alarm that was open when the promotion came."""
    query = (
        sa.select(alarms.c.model_key)
        .where(
            alarms.c.model_key.startswith(f"{promotion.name}@", autoescape=True),
            alarms.c.model_key != key,
            alarms.c.cleared_at.is_(None),
            alarms.c.raised_at <= promotion.at,
        )
        .distinct()
        .order_by(alarms.c.model_key)
    )
    return list(connection.scalars(query))


def _end_alarm(connection: sa.Connection, model_key: ModelKey, ended: Ended, retire: Retire) -> None:
    row = read_detector(connection, model_key)
    changed = None if row is None else retire(row.snapshot, ended.at, ended.by)
    if row is None or changed is None:
        clear_alarms(connection, model_key, ended)
        return
    strongest = None if changed.ended is None else changed.ended.strongest
    changed = replace(changed, ended=replace(ended, strongest=strongest))
    replace_detector(connection, model_key, row, changed, at=ended.at)
