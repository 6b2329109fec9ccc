"""What would a proposed version have answered? The comparison so far, and the sample it is made on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.store import codec
from monitoring.store.database import Database, in_parts
from monitoring.store.tables import bucket_sources, candidates, proposals, shadows

Stratum: TypeAlias = tuple[int, str]  # epoch, source


@dataclass(frozen=True, slots=True)
class Shadow:
    """A comparison as it stands; `revision` is 0 before it was stored. Times are UTC epoch seconds.

    Attributes
    ----------
    seen : mapping
        The strata that still grow, see `monitoring.shadowing.sample`.
    tally : mapping
        Everything older, see `monitoring.shadowing.tally`.
    examples : tuple of mapping
        Disagreements: rows of candidates, and both answers. Nothing of an item is in them.
    """

    proposal_id: str
    revision: int
    started_at: float
    ended_at: float | None
    seen: Mapping[str, Any]
    tally: Mapping[str, Any]
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One occurrence of the random part: its row, its draw, and what was answered as a `Candidate` has it."""

    row: int
    priority: float
    label: int
    decision: int
    probabilities: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Strata:
    """The smallest draws of each epoch and source in ascending order, and how many occurrences there were."""

    drawn: Mapping[Stratum, tuple[Drawn, ...]]
    sizes: Mapping[Stratum, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is still kept of an item."""

    key: str
    item_id: str | None
    source: str
    at: float
    text: str | None


class ShadowsTable:
    """Comparisons by proposal; only its newest revision can be replaced."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, proposal_id: str) -> Shadow | None:
        """Return a proposal's comparison; None before it began."""
        query = sa.select(shadows).where(shadows.c.proposal_id == proposal_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _shadow(row)

    def strata(self, model_key: ModelKey, *, epochs: Sequence[int], per_stratum: int) -> Strata:
        """Return the random part of the closed buckets of some epochs, as far as texts are kept.

        Epochs in which a worker had to give candidates up are left out: what remains is an exact sample.
        """
        query = (
            sa.select(
                candidates.c.id,
                candidates.c.epoch,
                candidates.c.source,
                candidates.c.priority,
                candidates.c.label,
                candidates.c.decision,
                candidates.c.probabilities,
            )
            .where(
                candidates.c.model_key == model_key,
                candidates.c.epoch.in_(epochs),
                candidates.c.bucket_seq.is_not(None),
                candidates.c.kinds.contains("random:"),
                candidates.c.text.is_not(None),
            )
            .order_by(candidates.c.priority, candidates.c.id)
        )
        drawn: dict[Stratum, list[Drawn]] = {}
        with self._database.read() as connection:
            sizes = _sizes(connection, model_key, epochs)
            for row in connection.execute(query):
                held = drawn.setdefault((row.epoch, row.source), [])
                if len(held) < per_stratum:
                    held.append(_drawn(row))
        return Strata({each: tuple(drawn.get(each, ())) for each in sizes}, sizes)

    def contents(self, rows: Sequence[int]) -> Mapping[int, str]:
        """Return the texts of rows of candidates that are still kept."""
        found: dict[int, str] = {}
        with self._database.read() as connection:
            for part in in_parts(rows):
                query = sa.select(candidates.c.id, candidates.c.text).where(candidates.c.id.in_(part))
                found |= {row.id: row.text for row in connection.execute(query) if row.text is not None}
        return found

    def shown(self, drawn: Mapping[int, float]) -> Mapping[int, Shown]:
        """Return what is kept of the items at these rows, if they are still those of these draws."""
        query = sa.select(candidates).where(candidates.c.id.in_(list(drawn)))
        with self._database.read() as connection:
            return {
                row.id: Shown(row.key, row.item_id, row.source, row.at, row.text)
                for row in connection.execute(query)
                if row.priority == drawn[row.id]  # the number of a row that is gone may be given again
            }

    def put(self, shadow: Shadow) -> bool:
        """Store a comparison in place of the revision it was made from; False when another one was faster.

        So it is where its proposal was decided meanwhile.
        """
        values = {
            "revision": shadow.revision + 1,
            "started_at": shadow.started_at,
            "ended_at": None,
            "seen": dict(shadow.seen),
            "tally": dict(shadow.tally),
            "examples": [dict(each) for each in shadow.examples],
        }
        is_open = sa.select(proposals.c.proposal_id).where(
            proposals.c.proposal_id == shadow.proposal_id, proposals.c.state == "open"
        )
        with self._database.write(durable=False) as connection:
            if connection.scalar(is_open) is None:
                return False
            if shadow.revision:
                changed = shadows.update().where(
                    shadows.c.proposal_id == shadow.proposal_id, shadows.c.revision == shadow.revision
                )
                return connection.execute(changed.values(**values)).rowcount == 1
            known = sa.select(shadows.c.revision).where(shadows.c.proposal_id == shadow.proposal_id)
            if connection.scalar(known) is not None:
                return False
            connection.execute(shadows.insert().values(proposal_id=shadow.proposal_id, **values))
            return True

    def end_decided(self) -> int:
        """Note the end of comparisons whose proposal is decided; return of how many."""
        decided = sa.select(proposals.c.decided_at).where(proposals.c.proposal_id == shadows.c.proposal_id)
        going_on = shadows.c.ended_at.is_(None)
        over = sa.select(proposals.c.proposal_id).where(proposals.c.state != "open")
        with self._database.read() as connection:
            if connection.scalar(sa.select(shadows.c.proposal_id).where(going_on).limit(1)) is None:
                return 0
        with self._database.write(durable=False) as connection:
            return connection.execute(
                shadows.update()
                .where(going_on, shadows.c.proposal_id.in_(over))
                .values(ended_at=decided.scalar_subquery())
            ).rowcount


def _sizes(connection: sa.Connection, model_key: ModelKey, epochs: Sequence[int]) -> dict[Stratum, int]:
    query = (
        sa.select(
            bucket_sources.c.epoch,
            bucket_sources.c.source,
            sa.func.sum(bucket_sources.c["items"]).label("n"),
            sa.func.sum(bucket_sources.c.candidates_lost).label("lost"),
        )
        .where(bucket_sources.c.model_key == model_key, bucket_sources.c.epoch.in_(epochs))
        .group_by(bucket_sources.c.epoch, bucket_sources.c.source)
        .order_by(bucket_sources.c.epoch, bucket_sources.c.source)
    )
    rows = connection.execute(query).all()
    lost = {row.epoch for row in rows if row.lost}
    return {(row.epoch, row.source): int(row.n) for row in rows if row.epoch not in lost}


def _drawn(row: Any) -> Drawn:
    return Drawn(
        row=row.id,
        priority=row.priority,
        label=row.label,
        decision=row.decision,
        probabilities=codec.vector(row.probabilities),
    )


def _shadow(row: "sa.Row[Any]") -> Shadow:
    return Shadow(
        proposal_id=row.proposal_id,
        revision=row.revision,
        started_at=row.started_at,
        ended_at=row.ended_at,
        seen=row.seen,
        tally=row.tally,
        examples=tuple(row.examples),
    )
