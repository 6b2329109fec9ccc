"""Which versions were proposed to take the place of the one in force, and what became of each proposal?"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from monitoring.errors import ProposalRefused, UnknownProposal
from monitoring.proposing import Proposal, ProposalState
from monitoring.store.audit import insert_audit
from monitoring.store.database import Database
from monitoring.store.tables import proposals


class ProposalsTable:
    """Proposals, of which a model has at most one open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, proposal: Proposal) -> Proposal:
        """Store an open proposal, superseding the one that was open; return what is stored under its id.

        The same id again changes nothing, whatever became of the proposal meanwhile. Durable, audited.
        """
        with self._database.write(durable=True) as connection:
            known = _find(connection, proposal.id)
            if known is not None:
                return known
            _supersede(
                connection,
                proposal.model_name,
                by=proposal.id,
                at=proposal.created_at,
                who=proposal.created_by,
            )
            connection.execute(proposals.insert().values(_row(proposal)))
            _audit(connection, proposal, action="propose", at=proposal.created_at, who=proposal.created_by)
            return proposal

    def get(self, proposal_id: str) -> Proposal:
        """Return one proposal; UnknownProposal when there is none of that id."""
        with self._database.read() as connection:
            return read_proposal(connection, proposal_id)

    def find(self, proposal_id: str) -> Proposal | None:
        """Return one proposal, None when there is none of that id."""
        with self._database.read() as connection:
            return _find(connection, proposal_id)

    def list(
        self, *, model_name: str | None = None, state: ProposalState | None = None, limit: int = 100
    ) -> tuple[Proposal, ...]:
        """Return the newest proposals, newest first."""
        query = sa.select(proposals).order_by(proposals.c.created_at.desc(), proposals.c.proposal_id)
        if model_name is not None:
            query = query.where(proposals.c.model_name == model_name)
        if state is not None:
            query = query.where(proposals.c.state == state)
        with self._database.read() as connection:
            return tuple(_proposal(row) for row in connection.execute(query.limit(limit)))

    def open_of(self, model_name: str) -> Proposal | None:
        """Return the open proposal of a model, None without one."""
        found = self.list(model_name=model_name, state="open", limit=1)
        return found[0] if found else None

    def reject(self, proposal_id: str, *, at: float, who: str, why: str) -> Proposal:
        """Reject an open proposal, for good; rejecting again changes nothing. Durable, audited.

        Raises
        ------
        UnknownProposal
        ProposalRefused
            It was promoted or superseded.
        """
        with self._database.write(durable=True) as connection:
            proposal = read_proposal(connection, proposal_id)
            if proposal.state == "rejected":
                return proposal
            if proposal.state != "open":
                raise ProposalRefused(f"proposal {proposal_id} is {proposal.state}; only an open one can be")
            _decide(connection, proposal.id, "rejected", at=at, who=who, why=why)
            _audit(connection, proposal, action="reject_proposal", at=at, who=who, details={"why": why})
            return read_proposal(connection, proposal_id)


def read_proposal(connection: sa.Connection, proposal_id: str) -> Proposal:
    """Return one proposal; UnknownProposal when there is none of that id."""
    found = _find(connection, proposal_id)
    if found is None:
        raise UnknownProposal(proposal_id)
    return found


def mark_promoted(
    connection: sa.Connection, *, model_name: str, version: str, at: float, who: str, why: str
) -> Proposal | None:
    """Say that a version was put in force; return its proposal, None when it was never proposed.

    Its proposal is promoted, whatever its state was, and one of the model that was open at that time is
    superseded: this can be repeated after a kill, also when something newer was proposed meanwhile.
    """
    query = sa.select(proposals).where(
        proposals.c.model_name == model_name, proposals.c.candidate_version == version
    )
    row = connection.execute(query).one_or_none()
    if row is not None and row.state != "promoted":
        _decide(connection, row.proposal_id, "promoted", at=at, who=who, why=why)
    _supersede(connection, model_name, by=version, at=at, who=who)
    return None if row is None else read_proposal(connection, row.proposal_id)


def _supersede(connection: sa.Connection, model_name: str, *, by: str, at: float, who: str) -> None:
    connection.execute(
        proposals.update()
        .where(
            proposals.c.model_name == model_name,
            proposals.c.state == "open",
            proposals.c.created_at <= at,
        )
        .values(state="superseded", decided_at=at, decided_by=who, decided_why=f"superseded by {by}")
    )


def _decide(
    connection: sa.Connection, proposal_id: str, state: ProposalState, *, at: float, who: str, why: str
) -> None:
    connection.execute(
        proposals.update()
        .where(proposals.c.proposal_id == proposal_id)
        .values(state=state, decided_at=at, decided_by=who, decided_why=why)
    )


def _audit(
    connection: sa.Connection,
    proposal: Proposal,
    *,
    action: str,
    at: float,
    who: str,
    details: Mapping[str, object] | None = None,
) -> None:
    insert_audit(
        connection,
        at=at,
        who=who,
        action=action,
        model_key=f"{proposal.model_name}@{proposal.candidate_version}",
        details={"proposal": proposal.id, "base": proposal.base_version, **(details or {})},
    )


def _find(connection: sa.Connection, proposal_id: str) -> Proposal | None:
    query = sa.select(proposals).where(proposals.c.proposal_id == proposal_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _proposal(row)


def _row(proposal: Proposal) -> Mapping[str, object]:
    return {
        "proposal_id": proposal.id,
        "model_name": proposal.model_name,
        "base_version": proposal.base_version,
        "candidate_version": proposal.candidate_version,
        "kind": proposal.kind,
        "alarm_id": proposal.alarm_id,
        "state": proposal.state,
        "created_at": proposal.created_at,
        "created_by": proposal.created_by,
        "why": proposal.why,
        "decided_at": proposal.decided_at,
        "decided_by": proposal.decided_by,
        "decided_why": proposal.decided_why,
        "comparison": dict(proposal.comparison),
    }


def _proposal(row: "sa.Row[Any]") -> Proposal:
    return Proposal(
        id=row.proposal_id,
        model_name=row.model_name,
        base_version=row.base_version,
        candidate_version=row.candidate_version,
        kind=row.kind,
        alarm_id=row.alarm_id,
        state=row.state,
        created_at=row.created_at,
        created_by=row.created_by,
        why=row.why,
        comparison=row.comparison,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        decided_why=row.decided_why,
    )
