"""What of the traffic may the product's recipe choose from: all of it, or what real reservoirs kept?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.waves_data import SOURCES, Rows, Traffic
from benchmarks.waves_models import Served
from model_store.policy import Decisions
from monitoring.recording.candidate import TOLD_TIMES, Candidate, surviving
from monitoring.recording.observed import Observed
from monitoring.recording.ranking import Ranking
from monitoring.recording.recorder import FORGET_SECONDS
from monitoring.recording.reservoir import EPOCH_SECONDS, OTHER_SOURCE, Reservoir
from monitoring.waves.strata import all_time
from monitoring.waves.taken import Taken as AlreadyTaken
from monitoring.waves.wave import Wave, select

Age: TypeAlias = Literal["running", "recent", "old"]

_REQUEST: Final = 32  # items


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """Rows of the traffic that have a label, and those of them that were drawn at random."""

    rows: Rows
    drawn: Rows

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Return rows of which none was drawn."""
        return cls(rows, rows[:0])

    def with_(self, more: "Taken") -> "Taken":
        """Return all rows of both."""
        return Taken(np.concatenate([self.rows, more.rows]), np.concatenate([self.drawn, more.drawn]))


NOTHING: Final = Taken.of(np.empty(0, np.intp))


def everything(traffic: Traffic, served: Served, *, seed: int) -> tuple[Candidate, ...]:
    """Return a candidate of every kind for each row of the traffic: a pool that lost nothing."""
    classes, decisions = served.policy.classes, served.decisions
    priorities = _priorities(traffic, seed)
    top_kinds = frozenset(f"top:{name}" for name in classes)
    every = [
        top_kinds | {"top", "uncertain", f"uncertain:{name}", f"random:{source}"}
        for name in classes
        for source in SOURCES
    ]
    place = {source: k for k, source in enumerate(SOURCES)}
    return tuple(
        Candidate(
            key=_key(row),
            item_id=_key(row),
            source=traffic.sources[row],
            text=traffic.texts[row],
            probabilities=decisions.probabilities[row],
            label=int(decisions.label[row]),
            decision=int(decisions.decision[row]),
            at=float(row),
            priority=float(priorities[row]),
            kinds=every[int(decisions.top[row]) * len(SOURCES) + place[traffic.sources[row]]],
        )
        for row in range(len(traffic))
    )


def kept(
    traffic: Traffic,
    served: Served,
    *,
    rows: Rows,
    batch_size: int,
    seed: int,
    important: Sequence[str] = (),
    age: Age = "old",
) -> tuple[Candidate, ...]:
    """Return what the state has of the rows, all of one epoch of ten minutes, from a worker's reservoir.

    `important` are the classes that an operator declared to be so. The worker tells what is new every second,
    and every minute forgets what it told, so while the epoch is "running" the state has many items that one
    reservoir would not hold, and keeps them as long as few epochs of the day have traffic. When all have, it
    keeps some of a "recent" one, of the last hour or of an open alarm, and of an "old" one what one reservoir
    holds.
    """
    decisions, priorities = served.decisions, _priorities(traffic, seed)
    reservoir = Reservoir(
        served.policy.classes,
        sources=SOURCES,
        batch_size=batch_size,
        important=important,
        usual=served.usual,
    )
    told: list[Candidate] = []
    for at, second in enumerate(np.array_split(rows, 1 if age == "old" else EPOCH_SECONDS), start=1):
        for start in range(0, len(second), _REQUEST):
            _offer(reservoir, traffic, decisions, second[start : start + _REQUEST], priorities)
        told += reservoir.drain(passed=None if at % FORGET_SECONDS else at / EPOCH_SECONDS)
    if age != "recent":
        return tuple(told)
    ranking = Ranking.of(served.policy.classes, served.usual)
    return surviving(told, ranking, kept=reservoir.slots.times(TOLD_TIMES))


def ours(
    candidates: Sequence[Candidate],
    traffic: Traffic,
    served: Served,
    *,
    watched: Sequence[str],
    batch_size: int,
    seed: int,
    taken: Taken,
    source_caps: Mapping[str, float] | None = None,
) -> Wave:
    """Return the wave that the product makes of candidates from the whole of the traffic."""
    counts: dict[str, int] = dict(Counter(traffic.sources.tolist()))
    return select(
        candidates,
        epoch_counts=all_time({OTHER_SOURCE: 0} | counts),
        watched=watched,
        classes=served.policy.classes,
        thresholds=[each.threshold for each in served.policy.thresholds],
        batch_size=batch_size,
        seed=f"wave {seed}",
        taken=AlreadyTaken(
            keys={_key(row) for row in taken.rows.tolist()},
            signatures=served.seen,
            drawn={(_key(row), float(row)) for row in taken.drawn.tolist()},
        ),
        labelled=served.labelled,
        source_caps=source_caps,
    )


def taken_by(wave: Wave) -> Taken:
    """Return the rows of the traffic that a wave's items are, and which of them were drawn."""
    rows = np.array([int(item.key.removeprefix("item ")) for item in wave.items], np.intp)
    drawn = np.array([item.stratum == "exploration" for item in wave.items], np.bool_)
    return Taken(rows, rows[drawn])


def _offer(
    reservoir: Reservoir,
    traffic: Traffic,
    decisions: Decisions,
    request: Rows,
    priorities: npt.NDArray[np.float64],
) -> None:
    reservoir.offer(
        Observed(
            inputs=traffic.texts[request].tolist(),
            ids=[_key(row) for row in request.tolist()],
            sources=traffic.sources[request].tolist(),
            decisions=_some(decisions, request),
            arrived_at=float(request[0]),
            priorities=priorities[request],
        )
    )


def _key(row: int) -> str:
    return f"item {row}"


def _priorities(traffic: Traffic, seed: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng([seed, 2]).random(len(traffic))


def _some(decisions: Decisions, rows: Rows) -> Decisions:
    return Decisions(
        decisions.probabilities[rows],
        decisions.flags[rows],
        decisions.label[rows],
        decisions.decision[rows],
        decisions.top[rows],
    )
