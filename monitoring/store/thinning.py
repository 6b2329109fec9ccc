"""Which certainty candidates of a closing bucket say nothing new? Templates must not fill the state.

A candidate leaves a slot when one that is kept there is a near-duplicate of it and ranks at least as high: a
wave labels one of them, and would take that one. So nothing that a wave could choose gets lost, and what is
left depends on the flushes and their order alone. Random draws stay, each of them: they are a sample of
occurrences. Rows of tables are left alone, where two that differ in one number are two pieces of work.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.recording.candidate import Candidate, is_scored, uncertainties
from monitoring.store.candidates import read_candidate
from monitoring.store.counts import read_ranking
from monitoring.store.database import in_parts
from monitoring.store.tables import candidates
from monitoring.waves.simhash import Hashes, alike, near, simhash

_MOST_COMPARED: Final = 8  # texts that one is compared with, the last kept of those within reach of its bits
_ROW: Final = "{"  # how `contents.content_of` begins a row of a table


@dataclass(frozen=True, slots=True)
class Thinning:
    """What changes of the candidates of a closing bucket, by row: their 64 bits, and the kinds they keep.

    A row that keeps none goes.
    """

    hashes: Mapping[int, int] = field(default_factory=dict)
    kinds: Mapping[int, frozenset[str]] = field(default_factory=dict)


def read_thinning(connection: sa.Connection, model_key: ModelKey, flush_ids: Sequence[int]) -> Thinning:
    """Return what changes of the candidates of flushes that a bucket is about to take."""
    hashes: dict[int, int] = {}
    kinds: dict[int, frozenset[str]] = {}
    for epoch, rows in groupby(_fresh(connection, flush_ids), key=lambda row: int(row.epoch)):
        new = [(int(row.id), read_candidate(row)) for row in rows]
        bits = simhash([one.text or "" for _, one in new])
        kept = _Kept(connection, model_key, epoch, near_to=bits)
        for (row_id, one), own in zip(new, bits, strict=True):
            left = one.kinds - kept.covered(one, own)
            if left != one.kinds:
                kinds[row_id] = left
            if any(map(is_scored, left)):
                kept.add(one, own, left)
                hashes[row_id] = int(own.view(np.int64))
    return Thinning(hashes, kinds)


def apply_thinning(connection: sa.Connection, model_key: ModelKey, thinning: Thinning, *, seq: int) -> None:
    """Change the candidates of bucket `seq` inside the transaction that closes it; erased ones stay so."""
    mine = sa.and_(
        candidates.c.model_key == model_key, candidates.c.bucket_seq == seq, candidates.c.text.is_not(None)
    )
    gone = [row for row, kinds in thinning.kinds.items() if not kinds]
    for part in in_parts(gone):
        connection.execute(candidates.delete().where(candidates.c.id.in_(part), mine))
    one = candidates.update().where(candidates.c.id == sa.bindparam("row"), mine)
    left = [{"row": row, "left": "\n".join(sorted(kinds))} for row, kinds in thinning.kinds.items() if kinds]
    if left:
        connection.execute(one.values(kinds=sa.bindparam("left")), left)
    signed = [{"row": row, "bits": bits} for row, bits in thinning.hashes.items()]
    if signed:
        connection.execute(one.values(simhash=sa.bindparam("bits")), signed)


class _Kept:
    """The certainty candidates of one epoch that are kept, those of earlier buckets first."""

    def __init__(
        self,
        connection: sa.Connection,
        model_key: ModelKey,
        epoch: int,
        *,
        near_to: Hashes,
    ) -> None:
        self._ranking = read_ranking(connection, model_key)
        rows = connection.execute(
            sa.select(candidates.c.id, candidates.c.simhash)
            .where(
                candidates.c.model_key == model_key,
                candidates.c.epoch == epoch,
                candidates.c.simhash.is_not(None),
            )
            .order_by(candidates.c.id)
        ).all()
        stored = np.array([row.simhash for row in rows], np.int64).view(np.uint64)
        reached = sorted({int(place) for bits in np.unique(near_to) for place in near(bits, stored)})
        self._held = list(_by_id(connection, [int(rows[place].id) for place in reached]))
        self._bits = np.empty(len(self._held) + len(near_to), np.uint64)
        self._bits[: len(self._held)] = stored[reached]

    def covered(self, one: Candidate, bits: np.uint64) -> frozenset[str]:
        """Return the certainty kinds in which a kept near-duplicate ranks at least as high."""
        found: set[str] = set()
        for place in near(bits, self._bits[: len(self._held)])[-_MOST_COMPARED:].tolist():
            other = self._held[place]
            shared = {kind for kind in one.kinds & other.kinds if is_scored(kind)} - found
            higher = {kind for kind in shared if self._score(other, kind) >= self._score(one, kind)}
            if higher and alike(one.text or "", other.text or ""):
                found |= higher
        return frozenset(found)

    def add(self, one: Candidate, bits: np.uint64, kinds: frozenset[str]) -> None:
        """Keep a candidate of these kinds."""
        self._bits[len(self._held)] = bits
        self._held.append(replace(one, kinds=kinds))

    def _score(self, one: Candidate, kind: str) -> float:
        probabilities = one.probabilities[None]
        return float(self._ranking.scores(kind, probabilities, uncertainties((one,), probabilities))[0])


def _fresh(connection: sa.Connection, flush_ids: Sequence[int]) -> Sequence["sa.Row[Any]"]:
    """Return the certainty candidates with a text that came with the flushes, by epoch and age."""
    found: list[sa.Row[Any]] = []
    for part in in_parts(flush_ids):
        query = sa.select(candidates).where(
            candidates.c.flush_id.in_(part),
            candidates.c.text.is_not(None),
            ~candidates.c.text.startswith(_ROW),
        )
        found += [row for row in connection.execute(query) if any(map(is_scored, row.kinds.split("\n")))]
    return sorted(found, key=lambda row: (row.epoch, row.at, row.key, row.priority, row.id))


def _by_id(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Candidate]:
    for part in in_parts(ids):
        query = sa.select(candidates).where(candidates.c.id.in_(part)).order_by(candidates.c.id)
        yield from map(read_candidate, connection.execute(query))
