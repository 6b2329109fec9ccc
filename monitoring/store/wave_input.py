"""What is a wave computed from: the candidates of a stretch of traffic, what is taken, and the load?"""

from dataclasses import dataclass

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.store.candidates import Population, read_population
from monitoring.store.counts import Claim
from monitoring.store.load import Load, read_load
from monitoring.store.taken import read_taken
from monitoring.waves.taken import Taken


@dataclass(frozen=True, slots=True)
class Span:
    """The traffic a wave is about: epochs of a model as counted up to bucket `seq`.

    `claim` holds the flushes that this bucket takes, while it is not committed.
    """

    model_key: ModelKey
    first_epoch: int
    last_epoch: int
    seq: int
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class WaveInput:
    """What a wave is computed from; when its batch is stored it must not have become out of date."""

    population: Population
    taken: Taken
    load: Load


def read_wave_input(connection: sa.Connection, span: Span, *, at: float) -> WaveInput:
    """Return what a wave is computed from; `at` tells the day whose budget counts."""
    return WaveInput(
        population=read_population(
            connection,
            span.model_key,
            first_epoch=span.first_epoch,
            last_epoch=span.last_epoch,
            seq=span.seq,
            claimed=span.claim,
        ),
        taken=read_taken(connection, since=float(span.first_epoch * EPOCH_SECONDS)),
        load=read_load(connection, now=at),
    )
