"""How does the state stay small? Old buckets become hours, past epochs share room for a day of reservoirs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.recording import meterings
from monitoring.recording.candidate import TOLD_TIMES, Slots, slots, surviving
from monitoring.recording.ranking import Ranking
from monitoring.recording.recorder import N_DECISIONS, SCORE_BINS
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.store import codec
from monitoring.store.candidates import read_candidate
from monitoring.store.counts import read_ranking
from monitoring.store.database import Database, in_parts
from monitoring.store.lease import Lease, holds
from monitoring.store.retention import EPOCHS_KEPT
from monitoring.store.tables import alarms, bucket_sources, buckets, candidates

SECONDS_PER_HOUR: Final = 3_600
FINE_SECONDS: Final = 2 * 86_400
MOST_BUCKETS_AT_ONCE: Final = 2_000
# An alarm often comes some ten minutes after what it is about, and more than one batch may be asked for while
# it is open: an epoch of the last hour or of an open alarm keeps more of what the workers reported.
RECENT_EPOCHS: Final = SECONDS_PER_HOUR // EPOCH_SECONDS
# All columns but the longest: which candidates stay does not depend on their words.
_WITHOUT_TEXT: Final = (*(each for each in candidates.c if each.name != "text"), sa.null().label("text"))


class _Past(NamedTuple):
    """An epoch, how many candidates it has, and whether an open alarm is about it."""

    model_key: ModelKey
    epoch: int
    n: int
    is_alarmed: bool


class Compaction:
    """Makes history coarser and candidates fewer, without changing a sum or a sample."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def buckets_to_hours(self, *, now: float, lease: Lease) -> int:
        """Merge buckets older than two days into one an hour; return how many were merged.

        A hundred and fifty classes in ten-second buckets are 35 MB a day, in hours 0.1 MB.
        """
        before = (now - FINE_SECONDS) // SECONDS_PER_HOUR * SECONDS_PER_HOUR
        query = (
            sa.select(buckets)
            .where(buckets.c.coarse.is_(sa.false()), buckets.c.end_at <= before)
            .order_by(buckets.c.model_key, buckets.c.seq)
            .limit(MOST_BUCKETS_AT_ONCE)
        )
        with self._database.write(durable=False) as connection:
            if not holds(connection, lease):
                return 0
            rows = connection.execute(query).all()
            for _, hour in groupby(rows, key=lambda row: (row.model_key, row.start_at // SECONDS_PER_HOUR)):
                _merge_buckets(connection, list(hour))
            return len(rows)

    def candidates_to_slots(
        self, *, now: float, batch_size: int, lease: Lease, important: frozenset[str] = frozenset()
    ) -> int:
        """Keep, of each past epoch, what a reservoir of all its traffic would hold; return how many went.

        `reservoirs` says how large a one. Epochs of an alarm that still waits for its batch stay whole: it
        samples them as they were then.
        """
        removed = 0
        running = int(now // EPOCH_SECONDS)
        past = self._epochs(before=running - 1)
        held = Counter(each.model_key for each in past)
        alarmed = _latest_alarmed(past)
        for model_key, epoch, n, _ in past:
            times = reservoirs(
                held[model_key],
                is_recent=running - epoch <= RECENT_EPOCHS or epoch in alarmed[model_key],
            )
            with self._database.read() as connection:
                ranking = read_ranking(connection, model_key)
                kept, most = _kept(
                    connection,
                    model_key,
                    epoch,
                    classes=ranking.classes,
                    batch_size=batch_size,
                    important=important,
                )
                if n <= times * most:
                    continue
                superfluous = _superfluous(connection, model_key, epoch, ranking, kept=kept.times(times))
            if superfluous:
                with self._database.write(durable=False) as connection:
                    if not holds(connection, lease):
                        return removed
                    for part in in_parts(superfluous):
                        connection.execute(candidates.delete().where(candidates.c.id.in_(part)))
                removed += len(superfluous)
        return removed

    def _epochs(self, *, before: int) -> Sequence[_Past]:
        """Return past epochs that have candidates, but for those an alarm waits for."""
        waiting, is_alarmed = (
            _in_open_alarm(alarms.c.batch_id.is_(None)),
            _in_open_alarm(alarms.c.batch_id.is_not(None)),
        )
        query = (
            sa.select(candidates.c.model_key, candidates.c.epoch, sa.func.count(), is_alarmed)
            .where(candidates.c.epoch < before, candidates.c.bucket_seq.is_not(None), ~waiting)
            .group_by(candidates.c.model_key, candidates.c.epoch)
            .order_by(candidates.c.model_key, candidates.c.epoch)
        )
        with self._database.read() as connection:
            return [_Past(*row) for row in connection.execute(query)]


def reservoirs(n_epochs: int, *, is_recent: bool) -> int:
    """Return how many reservoirs' worth of candidates a past epoch keeps.

    There is room for a reservoir of every epoch of a day anyway: where fewer had traffic, they share it.

    Parameters
    ----------
    n_epochs : int
        Of the last day, those that have candidates; at least 1.
    is_recent : bool
        It is of the last hour, or of the last hour of what an open alarm is about.

    Examples
    --------
    >>> reservoirs(8, is_recent=False), reservoirs(144, is_recent=False), reservoirs(144, is_recent=True)
    (18, 1, 10)
    """
    return max(EPOCHS_KEPT // n_epochs, TOLD_TIMES if is_recent else 1)


def _latest_alarmed(past: Sequence[_Past]) -> Mapping[ModelKey, frozenset[int]]:
    """Return the latest epochs that open alarms of each model are about, as many as an hour has."""
    epochs: defaultdict[ModelKey, list[int]] = defaultdict(list)
    for each in past:
        if each.is_alarmed:
            epochs[each.model_key].append(each.epoch)
    latest = {key: frozenset(sorted(found)[-RECENT_EPOCHS:]) for key, found in epochs.items()}
    return defaultdict(frozenset, latest)


def _in_open_alarm(condition: sa.ColumnElement[bool]) -> sa.Exists:
    """Return whether an open alarm that meets a condition is about the epoch of a candidate."""
    return (
        sa.select(alarms.c.alarm_id)
        .where(
            alarms.c.model_key == candidates.c.model_key,
            alarms.c.cleared_at.is_(None),
            candidates.c.epoch.between(alarms.c.first_epoch, alarms.c.last_epoch),
            condition,
        )
        .exists()
    )


def _kept(
    connection: sa.Connection,
    model_key: ModelKey,
    epoch: int,
    *,
    classes: Sequence[str],
    batch_size: int,
    important: frozenset[str],
) -> tuple[Slots, int]:
    """Return the slots of a reservoir for the epoch's traffic, and how many candidates they hold at most."""
    n_sources = connection.scalar(
        sa.select(sa.func.count(bucket_sources.c.source.distinct())).where(
            bucket_sources.c.model_key == model_key, bucket_sources.c.epoch == epoch
        )
    )
    kept = slots(
        batch_size,
        n_classes=len(classes),
        n_sources=max(int(n_sources or 0), 1),
        important=important.intersection(classes),
    )
    tops = sum(kept.of(f"top:{name}") for name in classes)
    of_all = kept.most_unusual + kept.most_uncertain
    return kept, tops + of_all + len(classes) * kept.uncertain + int(n_sources or 0) * kept.random


def _superfluous(
    connection: sa.Connection, model_key: ModelKey, epoch: int, ranking: Ranking, *, kept: Slots
) -> Sequence[int]:
    rows = connection.execute(
        sa.select(*_WITHOUT_TEXT).where(
            candidates.c.model_key == model_key,
            candidates.c.epoch == epoch,
            candidates.c.bucket_seq.is_not(None),
        )
    )
    found = {row.id: read_candidate(row) for row in rows}
    stays = set(map(id, surviving(tuple(found.values()), ranking, kept=kept)))
    return [row_id for row_id, one in found.items() if id(one) not in stays]


def _merge_buckets(connection: sa.Connection, rows: Sequence["sa.Row[Any]"]) -> None:
    """Replace the buckets by one in the place of the last."""
    last = rows[-1]
    for part in in_parts([row.seq for row in rows]):
        connection.execute(
            buckets.delete().where(buckets.c.model_key == last.model_key, buckets.c.seq.in_(part))
        )
    connection.execute(
        buckets.insert().values(
            model_key=last.model_key,
            seq=last.seq,
            start_at=min(row.start_at for row in rows),
            end_at=max(row.end_at for row in rows),
            items=sum(row.items for row in rows),
            counts=_sum((row.counts for row in rows), columns=N_DECISIONS),
            score_bins=_sum((row.score_bins for row in rows), columns=SCORE_BINS),
            state="drift" if any(row.state == "drift" for row in rows) else last.state,
            statistic=max((row.statistic for row in rows if row.statistic is not None), default=None),
            threshold=last.threshold,
            coarse=True,
            meters=meterings.to_json(meterings.summed(row.meters for row in rows)),
        )
    )


def _sum(stored: Iterable[dict[str, list[int]]], *, columns: int) -> dict[str, list[int]]:
    first, *others = (codec.dense(each, columns=columns) for each in stored)
    for other in others:
        first += other
    return codec.sparse(first)
