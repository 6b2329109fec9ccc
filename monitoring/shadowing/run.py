"""Who asks a proposed version, and when? The watcher's process, beside the closing of buckets."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from model_store.bundles.bundle import ModelKey
from model_store.model import Model
from monitoring.clock import Clock
from monitoring.errors import StateUnavailable
from monitoring.proposing import Proposal
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.shadowing.answers import answers_of, live_answer
from monitoring.shadowing.examples import with_newer
from monitoring.shadowing.sample import Asked, Sample
from monitoring.shadowing.tally import Tally
from monitoring.store import Store
from monitoring.store.shadows import Shadow
from monitoring.waves.facts import ResolveModel

log: Final = logging.getLogger(__name__)

GROWING_EPOCHS: Final = 3  # a flush may come late by one, and the one before the proposal is of use
MOST_AT_ONCE: Final = 64
SECONDS_AT_ONCE: Final = 0.25
MOST_PER_STRATUM: Final = 200
RETRY_SECONDS: Final = 60.0


class Load(Protocol):
    """Opens a version; may raise anything, which costs the comparison and nothing else."""

    def __call__(self, key: ModelKey, /) -> Model:
        """Return the version, ready to decide."""
        ...


class Shadowing:
    """Lets the version of the open proposal answer what the live one answered, a few items a tick.

    All it knows is in the store. Two at once do no harm: the second to finish a tick has done it in vain.

    Parameters
    ----------
    resolve : callable
        Returns what is known of the live version.
    per_stratum : callable
        Returns how many of the smallest draws of each source the live version's reservoirs are sure to hold.
    on_failure : callable
        Told `"shadow"` for everything that failed.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        resolve: ResolveModel,
        load: Load,
        per_stratum: Callable[[ModelKey], int],
        on_failure: Callable[[str], None],
    ) -> None:
        self._store, self._clock = store, clock
        self._resolve, self._load, self._per_stratum = resolve, load, per_stratum
        self._on_failure = on_failure
        self._loaded: tuple[ModelKey, Model] | None = None
        self._retry_at: dict[str, float] = {}
        self._done: dict[str, int] = {}  # the last bucket of which everything drawn is answered

    def tick(self) -> int:
        """Do a bounded piece of work for every open proposal; return how many items were answered.

        Raises
        ------
        StateUnavailable
            The store is away; the next tick tries again.
        """
        self._store.shadows.end_decided()
        opened = self._store.proposals.list(state="open")
        if not opened:
            self._loaded = None
        return sum(self._advance_or_count(each) for each in opened)

    def _advance_or_count(self, proposal: Proposal) -> int:
        now = self._clock.monotonic()
        if now < self._retry_at.get(proposal.id, float("-inf")):
            return 0
        try:
            return self._advance(proposal)
        except StateUnavailable:
            raise
        except Exception as error:  # the observer boundary: a candidate that fails costs its comparison
            self._retry_at[proposal.id] = now + RETRY_SECONDS
            self._on_failure("shadow")
            log.warning("no comparison for proposal %s: %s", proposal.id, type(error).__name__)
            return 0

    def _advance(self, proposal: Proposal) -> int:
        live = f"{proposal.model_name}@{proposal.base_version}"
        closed = self._store.detectors.last_seq(live)
        if self._done.get(proposal.id) == closed:
            return 0
        facts, per_stratum = self._resolve(live), min(self._per_stratum(live), MOST_PER_STRATUM)
        now = self._clock.now()
        before = self._store.shadows.get(proposal.id) or _nothing_yet(proposal, at=now)
        epoch = int(now // EPOCH_SECONDS)
        first = max(int(before.started_at // EPOCH_SECONDS) - 1, epoch - GROWING_EPOCHS + 1)
        sample, tally = Sample.from_json(before.seen), Tally.from_json(before.tally)
        sample.close(tally, before=first)
        sample.take(
            self._store.shadows.strata(live, epochs=range(first, epoch + 1), per_stratum=per_stratum),
            per_stratum=per_stratum,
            live=partial(live_answer, facts=facts),
        )
        answered = self._ask(f"{proposal.model_name}@{proposal.candidate_version}", sample)
        after = Shadow(
            proposal_id=proposal.id,
            revision=before.revision,
            started_at=before.started_at,
            ended_at=None,
            seen=sample.to_json(),
            tally=tally.to_json(),
            examples=with_newer(before.examples, answered),
        )
        unchanged = (after.seen, after.tally) == (before.seen, before.tally) and before.revision
        if not unchanged and not self._store.shadows.put(after):
            return 0
        if not sample.unanswered(1):
            self._done[proposal.id] = closed
        return len(answered)

    def _ask(self, candidate: ModelKey, sample: Sample) -> list[Asked]:
        """Let the candidate answer some of what waits; return those."""
        model = self._model(candidate)
        limit = min(MOST_AT_ONCE, max(1, int(SECONDS_AT_ONCE / max(model.single_item_seconds, 1e-6))))
        waiting = sample.unanswered(limit)
        contents = self._store.shadows.contents([each.row for each in waiting])
        sample.forget([each for each in waiting if each.row not in contents])
        asked = [each for each in waiting if each.row in contents]
        if asked:
            answers = answers_of(model, [contents[each.row] for each in asked])
            for each, answer in zip(asked, answers, strict=True):
                each.candidate = answer
        return asked

    def _model(self, key: ModelKey) -> Model:
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # two at once would take twice the memory
            self._loaded = (key, self._load(key))
        return self._loaded[1]


def _nothing_yet(proposal: Proposal, *, at: float) -> Shadow:
    return Shadow(proposal.id, 0, at, None, {}, {}, ())
