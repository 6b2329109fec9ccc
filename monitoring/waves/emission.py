"""Which batch does an alarm, or a person, get now, and why possibly none?"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from model_store.bundles.bundle import ModelKey
from model_store.data.wordmarks import Marks
from monitoring.clock import Clock
from monitoring.config import WatcherConfig
from monitoring.errors import BatchRefused, IdempotencyKeyReused
from monitoring.meaning.wording import number_of
from monitoring.recording.candidate import EXPLORE_SHARE, draw_limit
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.store import Alarm, Claim, Fenced, Load, NewBatch, Population, Span, Store
from monitoring.store.retention import EPOCHS_KEPT
from monitoring.waves.basis import last_move
from monitoring.waves.batches import BatchReason
from monitoring.waves.facts import ModelFacts
from monitoring.waves.labelled import BatchMode
from monitoring.waves.needs import risen
from monitoring.waves.strata import Counts, counts_since

_ATTEMPTS: Final = 5
_NOTHING_NEW: Final = "no item of the time in question is new and could be shown to labelers"


def alarm_batch_id(alarm_id: str) -> str:
    """Return the id of an alarm's batch: the same however often it is made."""
    return _digest("batch", alarm_id)


def by_hand_batch_id(model_key: ModelKey, idempotency_key: str) -> str:
    """Return the id of the batch that a request makes: the same however often it is sent."""
    return _digest("by_hand", model_key, idempotency_key)


def emit_for_alarm(
    store: Store,
    alarm: Alarm,
    *,
    facts: ModelFacts,
    config: WatcherConfig,
    created_at: float,
    claim: Claim | None,
    meaning: Mapping[str, Any] | None,
) -> tuple[NewBatch, Load]:
    """Compute the batch of an alarm; nothing is stored.

    Parameters
    ----------
    meaning : mapping or None
        What the traffic since the move means, see `monitoring.meaning.interpretation`; None: nobody knows.
    created_at : float
        UTC epoch seconds; the day whose budget it counts against.
    claim : Claim or None
        The flushes the alarm's bucket takes, while it is not committed.

    Raises
    ------
    BatchRefused
        The budget is used up, too many batches are open, or there is nothing to label.
    """
    return _emit(
        store,
        Span(alarm.model_key, alarm.first_epoch, alarm.last_epoch, alarm.bucket_seq, claim),
        batch_id=alarm_batch_id(alarm.id),
        reason="alarm",
        alarm_id=alarm.id,
        watched=alarm.finding.watched,
        meaning=meaning,
        since=alarm.finding.since_time,
        facts=facts,
        config=config,
        size=config.batch_size,
        overlap=config.overlap,
        created_at=created_at,
        about={"alarm": alarm.id, "finding": alarm.finding.to_json()},
    )


def emit_by_hand(
    store: Store,
    model_key: ModelKey,
    *,
    facts: ModelFacts,
    config: WatcherConfig,
    clock: Clock,
    idempotency_key: str,
    who: str,
    why: str = "",
    watched: Sequence[str] = (),
    size: int | None = None,
    overlap: int | None = None,
    mode: BatchMode = "mixed",
    explore: int | None = None,
    about: Mapping[str, object] | None = None,
) -> str:
    """Make a batch from the last day's traffic because somebody asks for it; return its id.

    The same `idempotency_key` returns the same batch, if the rest of what is asked is the same: the manifest
    has it as `asked`, which earlier releases did not write. Beside the `watched` classes it is about those
    whose share has risen, as far as that is known without labels. What is drawn at random is of whole epochs
    since the traffic last moved, if there are any. `size` is at most `config.batch_size`, its default;
    `overlap` people label each item, by default `config.overlap`. An `audit` is about the watched classes.
    With `explore` it holds so many items drawn at random and nothing else, at most as many as the day's
    budget has labels for and as the reservoirs are sure to hold.

    Raises
    ------
    BatchRefused
        As `emit_for_alarm`, or the model has no closed bucket yet.
    UnknownModel
        The model never had traffic.
    IdempotencyKeyReused
        The key made a batch for another request.
    """
    batch_id = by_hand_batch_id(model_key, idempotency_key)
    asked = {"watched": list(watched), "size": size, "overlap": overlap, "mode": mode, "explore": explore}
    told: dict[str, Any] = {"asked_by": who, "asked": asked, **(about or {})}
    for _ in range(_ATTEMPTS):
        if store.batches.exists(batch_id):
            _check_same(store.batches.get(batch_id).manifest, told)
            return batch_id
        detector = store.detectors.get(model_key)
        if detector is None:
            raise BatchRefused("no_items", f"{model_key} has no closed bucket yet; wait for one")
        last_epoch = int(clock.now() // EPOCH_SECONDS)
        span = Span(model_key, last_epoch - EPOCHS_KEPT + 1, last_epoch, detector.last_seq, None)
        move = last_move(store.alarms.of_all_versions(model_key.partition("@")[0]))
        batch, load = _emit(
            store,
            span,
            batch_id=batch_id,
            reason="by_hand",
            alarm_id=None,
            watched=watched,
            meaning=detector.meaning,
            since=None if move is None else move.at,
            facts=facts,
            config=config,
            mode=mode,
            size=min(size or config.batch_size, config.batch_size),
            explore=explore,
            overlap=overlap or config.overlap,
            created_at=clock.now(),
            about=told,
        )
        try:
            store.closing.add_by_hand(batch, load=load, who=who, why=why)
        except Fenced:
            continue
        return batch_id
    raise BatchRefused("busy", "other batches were made or labelled at the same moment; try again")


def drawn_of(since: float | None) -> str:
    """Say what a batch by hand draws from: the last day, or what came after a move, UTC epoch seconds.

    Examples
    --------
    >>> drawn_of(None)
    'of the last day'
    >>> drawn_of(1_796_000_000.0)
    'since the traffic moved at 2026-11-30 00:53 UTC'
    """
    if since is None:
        return "of the last day"
    return f"since the traffic moved at {datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC"


def _check_same(manifest: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Refuse a request that is not the one that a batch was made for, as far as its manifest tells."""

    def request(of: Mapping[str, Any]) -> dict[str, object]:
        named = {"by": of.get("asked_by"), "for_proposal": of.get("proposal")}
        return {**named, **of.get("asked", told["asked"])}

    before, now = request(manifest), request(told)
    if differs := [name for name in now if now[name] != before.get(name)]:
        raise IdempotencyKeyReused(f"batch {manifest.get('batch')}", *differs)


def _emit(
    store: Store,
    span: Span,
    *,
    batch_id: str,
    reason: BatchReason,
    alarm_id: str | None,
    watched: Sequence[str],
    facts: ModelFacts,
    config: WatcherConfig,
    size: int,
    overlap: int,
    created_at: float,
    about: Mapping[str, object],
    meaning: Mapping[str, Any] | None,
    since: float | None = None,
    mode: BatchMode = "mixed",
    explore: int | None = None,
) -> tuple[NewBatch, Load]:
    from monitoring.waves.wave import select  # noqa: PLC0415 - near-duplicates take 40 MB, which workers spare

    read = store.closing.read_wave(span, at=created_at)
    if explore is not None:
        size = explore = min(explore, max((config.labels_per_day - read.load.items_today) // overlap, 1))
    _check_load(read.load, labels=size * overlap, config=config)
    population = read.population
    least = round(EXPLORE_SHARE * size) if explore is None else 1
    drawable = (
        population.epoch_counts
        if since is None
        else counts_since(population.epoch_counts, since, seconds=EPOCH_SECONDS, least=least)
    )
    drawn_since = None if drawable == population.epoch_counts else since
    # An audit, and draws for a claim, are about what was asked for.
    rose = risen(_priors(meaning)) if mode == "mixed" and explore is None else ()
    if explore is not None and drawable is population.epoch_counts and since is not None:
        raise BatchRefused("no_items", _too_early(since))
    wave = select(
        population.columns,
        epoch_counts=drawable,
        watched=[*watched, *rose],
        classes=facts.classes,
        thresholds=facts.thresholds,
        batch_size=size,
        seed=batch_id,
        mode=mode,
        task=facts.task,
        input_kind=facts.input_kind,
        taken=read.taken.beside(facts.seen),
        explore=explore,
        most_draws=draw_limit(config.batch_size),
        lacking=facts.lacking,
        target=facts.target,
        labelled=_labelled(facts, read.taken.texts),
        view=facts.view,
        since=since,
        unexplained=meaning is not None and meaning["gate"]["passed"] is False,
        source_caps=config.source_caps,
        about={
            "batch": batch_id,
            "reason": reason,
            "model": span.model_key,
            "digests": dict(facts.digests),
            "risen": list(rose),
            "epochs": _epochs(span, population, drawable, since=drawn_since),
            **about,
        },
    )
    if not wave.items:
        raise BatchRefused("no_items", _NOTHING_NEW if explore is None else _nothing_drawn(since=drawn_since))
    batch = NewBatch(
        id=batch_id,
        alarm_id=alarm_id,
        model_key=span.model_key,
        reason=reason,
        created_at=created_at,
        manifest=wave.manifest,
        items=wave.items,
        signatures=wave.signatures,
        announced=config.announce_batches,
        overlap=overlap,
    )
    return batch, read.load


def _epochs(
    span: Span, population: Population, drawable: Counts, *, since: float | None
) -> Mapping[str, object]:
    """Return from which time the candidates are, and how many items there were in what is drawn from."""
    return {
        "seconds": EPOCH_SECONDS,
        "first": span.first_epoch,
        "last": span.last_epoch,
        "left_out": list(population.epochs_left_out),
        # The move that all that is drawn came after; none where draws are of all of this time.
        "since": since,
        # What several batches say together takes how much of it any two share.
        "items": {source: {str(epoch): n for epoch, n in each.items()} for source, each in drawable.items()},
    }


def _nothing_drawn(*, since: float | None) -> str:
    again = "on a later day" if since is None else "when there is more traffic"
    return f"all that can be drawn at random {drawn_of(since)} was drawn before; ask again {again}"


def _too_early(since: float) -> str:
    """Say why nothing can be drawn yet, and when it can."""
    moved, able = (
        datetime.fromtimestamp(at, UTC) for at in (since, (since // EPOCH_SECONDS + 1) * EPOCH_SECONDS)
    )
    return (
        f"the traffic moved at {moved:%Y-%m-%d %H:%M} UTC, and draws are of whole stretches of "
        f"{EPOCH_SECONDS // 60} minutes since: ask again when there is traffic from {able:%H:%M} UTC on"
    )


def _priors(meaning: Mapping[str, Any] | None) -> Mapping[str, tuple[float, float]]:
    """Return the share of each class in validation and the lower bound of its share now.

    None where another mix of the classes does not explain the traffic: the shares are not to be trusted then.
    """
    if meaning is None or meaning["gate"]["passed"] is False:
        return {}
    return {each["class"]: (each["validation"], each["low"]) for each in meaning["classes"]}


def _labelled(facts: ModelFacts, texts: Sequence[str]) -> Marks | None:
    """Return marks of what the model was made from, and of what was labelled since."""
    if facts.marks is None or facts.view is None or not texts:
        return facts.marks
    return np.concatenate([facts.marks, facts.view.marks(texts)])


def _check_load(load: Load, *, labels: int, config: WatcherConfig) -> None:
    if load.open_batches >= config.max_open_batches:
        raise BatchRefused(
            "open_batches",
            f"{number_of(load.open_batches, 'batch is', 'batches are')} open, at most "
            f"{config.max_open_batches} may be; "
            "return labels or close one",
        )
    if labels > config.labels_per_day:
        raise BatchRefused(
            "label_budget",
            f"a batch asks for {labels} labels and a day has {config.labels_per_day}, so none can be made; "
            "ask for fewer items or fewer people each, or raise the budget",
        )
    if load.items_today + labels > config.labels_per_day:
        raise BatchRefused(
            "label_budget",
            f"{load.items_today} of today's {config.labels_per_day} labels are asked for, and a batch asks "
            f"for {labels}; wait for the next UTC day or raise the budget",
        )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
