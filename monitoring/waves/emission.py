"""Which batch does an alarm, or a person, get now, and why possibly none?"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import (
    CARD_FILE,
    EVALUATION_FILE,
    POLICY_FILE,
    REFERENCE_FILE,
    SEEN_FILE,
    VALIDATION_FILE,
    Bundle,
    ModelKey,
    read_seen,
)
from model_store.bundles.manifest import Task
from model_store.data.wordmarks import Marks, marks
from model_store.graphs.inputs import InputKind
from model_store.promises.targets import n_min
from monitoring.clock import Clock
from monitoring.config import WatcherConfig
from monitoring.errors import BatchRefused
from monitoring.recording.candidate import EXPLORE_SHARE, draw_limit
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.store import Alarm, Claim, Fenced, Load, NewBatch, Span, Store
from monitoring.waves.basis import last_move
from monitoring.waves.batches import BatchReason
from monitoring.waves.labelled import BatchMode
from monitoring.waves.needs import risen
from monitoring.waves.strata import counts_since

EPOCHS_KEPT: Final = 86_400 // EPOCH_SECONDS
_ATTEMPTS: Final = 5
_AFTER_THE_SCORES: Final = frozenset(
    {CARD_FILE, EVALUATION_FILE, POLICY_FILE, REFERENCE_FILE, SEEN_FILE, VALIDATION_FILE}
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a wave needs to know of a model.

    Attributes
    ----------
    thresholds : tuple of float
        Operating thresholds in the order of `classes`.
    digests : mapping of str to str
        SHA-256 of the calibration and the policy.
    seen : uint32 array of shape (n, 64)
        Near-duplicate signatures of the items the model was made from.
    marks : uint16 array of shape (m, 64), optional
        Of the words of some of those items, see `model_store.data.wordmarks`.
    lacking : mapping of str to int
        Positives that a class lacks for its claim.
    target : int
        Positives that prove the strictest target anew.
    task, input_kind : str
        What it does, and with what.
    scoring : str
        The same for two versions that score items alike, whatever their policies make of the scores.
    """

    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    digests: Mapping[str, str]
    seen: npt.NDArray[np.uint32]
    task: Task = "multiclass"
    input_kind: InputKind = "text"
    scoring: str = ""
    marks: Marks | None = None
    lacking: Mapping[str, int] = field(default_factory=dict)
    target: int = 1


ResolveModel: TypeAlias = Callable[[ModelKey], ModelFacts]


def facts_of(bundle: Bundle) -> ModelFacts:
    """Return what a wave needs to know of a bundle."""
    seen, thresholds = read_seen(bundle), bundle.policy.thresholds
    asked = [each for each in (t.target.recall or t.target.precision for t in thresholds) if each]
    return ModelFacts(
        classes=bundle.policy.classes,
        thresholds=tuple(each.threshold for each in thresholds),
        digests=bundle.digests,
        seen=seen.signatures,
        task=bundle.manifest.task,
        input_kind=bundle.manifest.input_kind,
        scoring=_scoring(bundle),
        marks=seen.marks,
        lacking={t.class_name: t.n_needed for t in thresholds if t.n_needed},
        target=max((n_min(each, bundle.policy.delta) for each in asked), default=1),
    )


def _scoring(bundle: Bundle) -> str:
    """Return one digest of everything that decides the scores: front end, graph and calibration."""
    files = bundle.manifest.files
    return _digest(
        *(f"{name}:{files[name].sha256}" for name in sorted(files) if name not in _AFTER_THE_SCORES)
    )


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
) -> tuple[NewBatch, Load]:
    """Compute the batch of an alarm; nothing is stored.

    Parameters
    ----------
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
        meaning=_meaning(store, alarm.model_key),
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
    watched: Sequence[str] = (),
    size: int | None = None,
    overlap: int | None = None,
    mode: BatchMode = "mixed",
    explore: int | None = None,
    about: Mapping[str, object] | None = None,
) -> str:
    """Make a batch from the last day's traffic because somebody asks for it; return its id.

    The same `idempotency_key` returns the same batch. Beside the `watched` classes it is about those whose
    share has risen, as far as that is known without labels. What is drawn at random is of whole epochs since
    the traffic last moved, if there are any. `size` is at most `config.batch_size`, its
    default; `overlap` people label each item, by default `config.overlap`. An `audit` is about the
    watched classes. With `explore` it holds so many items drawn at random and nothing else, at most as many
    as the day's budget has labels for and as the reservoirs are sure to hold.

    Raises
    ------
    BatchRefused
        As `emit_for_alarm`, or the model has no closed bucket yet.
    UnknownModel
        The model never had traffic.
    """
    batch_id = by_hand_batch_id(model_key, idempotency_key)
    for _ in range(_ATTEMPTS):
        if store.batches.exists(batch_id):
            return batch_id
        detector = store.detectors.get(model_key)
        if detector is None:
            raise BatchRefused("no_items", f"{model_key} has no closed bucket yet; wait for one")
        last_epoch = int(clock.now() // EPOCH_SECONDS)
        span = Span(model_key, last_epoch - EPOCHS_KEPT + 1, last_epoch, detector.last_seq, None)
        move = last_move(_of_any_version(store.alarms.list(), model_key))
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
            about={"asked_by": who, **(about or {})},
        )
        try:
            store.closing.add_by_hand(batch, load=load, who=who)
        except Fenced:
            continue
        return batch_id
    raise BatchRefused("busy", "other batches were made or labelled at the same moment; try again")


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
    # An audit, and draws for a claim, are about what was asked for.
    rose = risen(_priors(meaning)) if mode == "mixed" and explore is None else ()
    if explore is not None and drawable is population.epoch_counts and since is not None:
        raise BatchRefused("no_items", _too_early(since))
    wave = select(
        population.columns,
        source_counts={source: sum(each.values()) for source, each in drawable.items()},
        watched=[*watched, *rose],
        classes=facts.classes,
        thresholds=facts.thresholds,
        batch_size=size,
        seed=batch_id,
        mode=mode,
        epoch_counts=drawable,
        task=facts.task,
        input_kind=facts.input_kind,
        taken_signatures=np.concatenate([facts.seen, read.taken.signatures]),
        taken_keys=read.taken.keys,
        signed_keys=read.taken.signed_keys,
        places=read.taken.places,
        contents=read.taken.contents,
        drawn_before=read.taken.drawn,
        carried_before=read.taken.carried,
        explore=explore,
        most_draws=draw_limit(config.batch_size),
        lacking=facts.lacking,
        target=facts.target,
        labelled=_labelled(facts.marks, read.taken.texts),
        since=since,
        unexplained=meaning is not None and meaning["gate"]["passed"] is False,
        source_caps=config.source_caps,
        about={
            "batch": batch_id,
            "reason": reason,
            "model": span.model_key,
            "digests": dict(facts.digests),
            "risen": list(rose),
            "epochs": {
                "seconds": EPOCH_SECONDS,
                "first": span.first_epoch,
                "last": span.last_epoch,
                "left_out": list(population.epochs_left_out),
                # Of what is drawn from. What several batches say together takes how much of it any two share.
                "items": {
                    source: {str(epoch): n for epoch, n in each.items()} for source, each in drawable.items()
                },
            },
            **about,
        },
    )
    if not wave.items:
        raise BatchRefused(
            "no_items",
            "no item of the time in question is new and could be shown to labelers"
            if explore is None
            else "all that can be drawn at random of the last day was drawn before; ask again on a later day",
        )
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


def _too_early(since: float) -> str:
    """Say why nothing can be drawn yet, and when it can."""
    moved, able = (
        datetime.fromtimestamp(at, UTC) for at in (since, (since // EPOCH_SECONDS + 1) * EPOCH_SECONDS)
    )
    return (
        f"the traffic moved at {moved:%Y-%m-%d %H:%M} UTC, and draws are of whole stretches of "
        f"{EPOCH_SECONDS // 60} minutes since: ask again when there is traffic from {able:%H:%M} UTC on"
    )


def _of_any_version(alarms: Iterable[Alarm], model_key: ModelKey) -> list[Alarm]:
    name = model_key.partition("@")[0]
    return [each for each in alarms if each.model_key.partition("@")[0] == name]


def _meaning(store: Store, model_key: ModelKey) -> Mapping[str, Any] | None:
    detector = store.detectors.get(model_key)
    return None if detector is None else detector.meaning


def _priors(meaning: Mapping[str, Any] | None) -> Mapping[str, tuple[float, float]]:
    """Return the share of each class in validation and the lower bound of its share now.

    None where another mix of the classes does not explain the traffic: the shares are not to be trusted then.
    """
    if meaning is None or meaning["gate"]["passed"] is False:
        return {}
    return {each["class"]: (each["validation"], each["low"]) for each in meaning["classes"]}


def _labelled(known: Marks | None, texts: Sequence[str]) -> Marks | None:
    """Return marks of what the model was made from, and of what was labelled since."""
    return known if known is None or not texts else np.concatenate([known, marks(texts)])


def _check_load(load: Load, *, labels: int, config: WatcherConfig) -> None:
    if load.open_batches >= config.max_open_batches:
        raise BatchRefused(
            "open_batches",
            f"{load.open_batches} batches are open, at most {config.max_open_batches} may be; "
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
