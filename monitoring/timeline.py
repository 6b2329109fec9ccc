"""What became of a model, step by step: versions, proposals, promotions, baselines and alarms on one line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from model_store.bundles.bundle import ModelKey
from model_store.promotions import Promotion
from monitoring.detection.baseline import AUTOMATIC
from monitoring.proposing import Proposal
from monitoring.store import Act, Alarm, AuditEntry, Store
from monitoring.store.audit import CLOSE_BATCH, FREEZE_BASELINE, MAKE_BATCH

Step: TypeAlias = Literal[
    "fit",
    "refit",
    "import",
    "batch",
    "close",
    "propose",
    "shadow",
    "promote",
    "rollback",
    "reject",
    "supersede",
    "baseline",
    "alarm",
    "alarm_end",
    "acknowledge",
    "call_false",
]

MOST: Final = 1_000
_OF_ONE_MOMENT: Final[Mapping[Step, int]] = {
    "alarm_end": 1,
    "close": 1,
    "supersede": 1,
    "shadow": 1,
    "baseline": 2,
}


@dataclass(frozen=True, slots=True)
class Made:
    """A version that was published, UTC epoch seconds, how, by whom and why as far as its manifest says."""

    key: ModelKey
    at: float
    how: Literal["fit", "refit", "import"]
    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step; `who` is `automatic` where no person took it, empty where nobody knows. UTC epoch seconds."""

    at: float
    step: Step
    model: ModelKey
    who: str = ""
    why: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def timeline(
    store: Store,
    name: str,
    *,
    versions: Sequence[Made],
    promotions: Sequence[Promotion],
    limit: int = 100,
) -> tuple[Entry, ...]:
    """Return the newest steps of all versions of a model, newest first."""
    proposals = store.proposals.list(model_name=name, limit=MOST)
    by_hand = [each for each in store.audit.list(limit=10 * MOST) if _is_of(each.model_key, name)]
    entries = [
        *_made(versions, proposals),
        *_proposed(store, proposals),
        *_promoted(promotions, proposals),
        *_baselines(by_hand),
        *_batches(store, name, by_hand),
        *(
            entry
            for alarm in store.alarms.list(limit=MOST)
            if _is_of(alarm.model_key, name)
            for entry in _alarm(alarm, by_hand, promotions)
        ),
    ]
    entries.sort(key=lambda each: (each.at, _OF_ONE_MOMENT.get(each.step, 0), each.model), reverse=True)
    return tuple(entries[:limit])


def _is_of(model_key: ModelKey | None, name: str) -> bool:
    return model_key is not None and model_key.rpartition("@")[0] == name


def _made(versions: Sequence[Made], proposals: Sequence[Proposal]) -> Iterator[Entry]:
    """Yield how versions came to be; where nothing says by whom or why, the proposal of one does."""
    known = {f"{each.model_name}@{each.candidate_version}": each for each in proposals}
    for made in versions:
        proposal = known.get(made.key)
        who, why = ("", "") if proposal is None else (proposal.created_by, proposal.why)
        yield Entry(made.at, made.how, made.key, made.who or who, made.why or why)


def _proposed(store: Store, proposals: Sequence[Proposal]) -> Iterator[Entry]:
    for each in proposals:
        key = f"{each.model_name}@{each.candidate_version}"
        about = {"proposal": each.id, "base": each.base_version, "alarm": each.alarm_id}
        yield Entry(each.created_at, "propose", key, each.created_by, each.why, about)
        shadow = store.shadows.get(each.id)
        if shadow is not None:
            yield Entry(shadow.started_at, "shadow", key, AUTOMATIC, "", {"proposal": each.id})
        if each.state in ("rejected", "superseded") and each.decided_at is not None:
            step: Step = "reject" if each.state == "rejected" else "supersede"
            decided = (each.decided_by or "", each.decided_why or "")
            yield Entry(each.decided_at, step, key, *decided, {"proposal": each.id})


def _promoted(promotions: Sequence[Promotion], proposals: Sequence[Proposal]) -> Iterator[Entry]:
    proposed = {each.candidate_version: each.id for each in proposals if each.state == "promoted"}
    for each in promotions:
        about: dict[str, Any] = {"seq": each.seq, "from": each.from_version}
        if each.action == "promote":
            about["proposal"] = proposed.get(each.to_version)
        yield Entry(each.at, each.action, f"{each.name}@{each.to_version}", each.who, each.why, about)


def _baselines(acts: Sequence[AuditEntry]) -> Iterator[Entry]:
    for each in acts:
        if each.action == FREEZE_BASELINE and each.model_key is not None:
            yield Entry(each.at, "baseline", each.model_key, each.who, str(each.details.get("why", "")))


def _batches(store: Store, name: str, acts: Sequence[AuditEntry]) -> Iterator[Entry]:
    said = {
        (each.action, each.details.get("batch")): (each.who, str(each.details.get("why", "")))
        for each in acts
        if each.action in (MAKE_BATCH, CLOSE_BATCH)
    }
    for each in store.batches.list(limit=MOST):
        if _is_of(each.model_key, name):
            about = {"batch": each.id, "alarm": each.alarm_id}
            asked = said.get((MAKE_BATCH, each.id), (AUTOMATIC, ""))
            yield Entry(each.created_at, "batch", each.model_key, *asked, about)
            closed = said.get((CLOSE_BATCH, each.id))
            if closed is not None and each.closed_at is not None:
                yield Entry(each.closed_at, "close", each.model_key, *closed, {"batch": each.id})


def _alarm(alarm: Alarm, acts: Sequence[AuditEntry], promotions: Sequence[Promotion]) -> Iterator[Entry]:
    about: dict[str, Any] = {"alarm": alarm.id}
    classes = {"classes": list(alarm.finding.watched)}
    yield Entry(alarm.raised_at, "alarm", alarm.model_key, AUTOMATIC, "", about | classes)
    answers: tuple[tuple[Step, Act | None], ...] = (
        ("acknowledge", alarm.acknowledged),
        ("call_false", alarm.marked_false),
    )
    for step, act in answers:
        if act is not None:
            yield Entry(act.at, step, alarm.model_key, act.by, act.why, about)
    if alarm.cleared_at is not None:
        ended = about | {"by": alarm.ended_by, "proposal": alarm.ended_cause}
        by_whom = _ended(alarm, alarm.cleared_at, acts, promotions)
        yield Entry(alarm.cleared_at, "alarm_end", alarm.model_key, *by_whom, ended)


def _ended(
    alarm: Alarm, at: float, acts: Sequence[AuditEntry], promotions: Sequence[Promotion]
) -> tuple[str, str]:
    """Return whose act ended an alarm then, and why that person acted; nobody's where traffic did."""
    if alarm.ended_by == "calm":
        return AUTOMATIC, "traffic is as before"
    if alarm.ended_by == "false" and alarm.marked_false is not None:
        return alarm.marked_false.by, alarm.marked_false.why
    if alarm.ended_by == "baseline":
        frozen = (
            each for each in acts if each.action == FREEZE_BASELINE and each.model_key == alarm.model_key
        )
        act = min(frozen, key=lambda each: abs(each.at - at), default=None)
        return (AUTOMATIC, "") if act is None else (act.who, str(act.details.get("why", "")))
    promotion = max((each for each in promotions if each.at <= at), key=lambda each: each.at, default=None)
    return (AUTOMATIC, "") if promotion is None else (promotion.who, promotion.why)
