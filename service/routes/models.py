"""Which versions are there, which one answers where, and who changed that? Promote and roll back."""

import logging
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

from model_store.bundles.bundle import read_manifest
from model_store.bundles.manifest import Manifest, Task
from model_store.errors import ModelStoreError, UnknownBundle
from model_store.promotions import Promotion
from model_store.store import ModelStore
from monitoring.errors import StateUnavailable, UnknownModel
from monitoring.promoting import follow_promotions
from monitoring.store.counts import ModelRow
from monitoring.timeline import MOST, Made, timeline
from service import swap
from service.exchange import Call
from service.problems import NoBundle
from service.values import MAX_NAME, MAX_REASON

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Reason = Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]
MaybeReason = Annotated[str, Meta(max_length=MAX_REASON)]
Version = Annotated[str, Meta(pattern="^[0-9]{1,9}$")]

_MARKS: Final[dict[Literal["refit", "import"], str]] = {"refit": "refit", "import": "imported"}

log: Final = logging.getLogger("seamark.models")


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """Who changes the version in force, and why."""

    who: Name
    why: Reason


class Rollback(Struct, frozen=True, forbid_unknown_fields=True):
    """Who rolls back, and why; with `from`, only while that version is in force."""

    who: Name
    why: Reason
    leaving: Version | None = field(default=None, name="from")


def list_models(call: Call) -> object:
    """Return the versions of the served name, the one in force, its history, and what each worker runs."""
    store = call.worker.models
    name = served_name(call)
    return {
        "name": name,
        "current": store.current(name),
        "versions": [_version(store, name, version) for version in store.versions(name)],
        "history": [each.to_json() for each in store.history(name)],
        "workers": call.worker.roll_call.everyone(),
    }


def promote(call: Call) -> object:
    """Put a version in force; the reply comes when it is stored, workers follow within seconds.

    Its proposal is promoted by it, and the alarm that the proposal is about ends.
    """
    change = call.json(Change)
    done = call.worker.models.promote(
        served_name(call), call.path["version"], who=change.who, why=change.why, at=call.worker.clock.now()
    )
    return _followed(call, done)


def roll_back(call: Call) -> object:
    """Put the version back in force that was before; the same Idempotency-Key gives the first result."""
    asked = call.json(Rollback)
    done = call.worker.models.rollback(
        served_name(call),
        who=asked.who,
        why=asked.why,
        at=call.worker.clock.now(),
        leaving=asked.leaving,
        idempotency_key=call.idempotency_key,
    )
    return _followed(call, done)


def get_model_history(call: Call) -> object:
    """Return every step of the served model, newest first: versions, proposals, promotions, alarms."""
    name, models = served_name(call), call.worker.models
    found = timeline(
        call.worker.state.store(),
        name,
        versions=[made for version in models.versions(name) if (made := _made(models, name, version))],
        promotions=models.history(name),
        limit=call.whole_number("limit", default=100, low=1, high=MOST),
    )
    return {"name": name, "current": models.current(name), "steps": [asdict(each) for each in found]}


def served_name(call: Call) -> str:
    """Return the name this server answers for."""
    name = swap.served_name(call.worker.models, call.worker.settings.model)
    if name is None:
        raise UnknownBundle("")
    return name


def current_key(call: Call) -> str:
    """Return the key of the version in force, `name@version`."""
    key = swap.key_in_force(call.worker.models, served_name(call))
    if key is None:
        raise NoBundle
    return key


def answers_of(call: Call, key: str) -> tuple[tuple[str, ...], Task]:
    """Return classes and task of a version, as its traffic was counted or else as its bundle says.

    Raises
    ------
    UnknownBundle
        It never had traffic and is not in the store of models.
    """
    try:
        known: ModelRow | Manifest = call.worker.state.store().counts.model(key)
    except UnknownModel:
        known = read_manifest(call.worker.models.path_of(key))
    return known.classes, known.task


def _version(store: ModelStore, name: str, version: str) -> dict[str, Any]:
    try:
        manifest = read_manifest(store.path(name, version))
    except ModelStoreError as error:
        return {"version": version, "refused": str(error)}
    return {
        "version": version,
        "created_at": manifest.created_at,
        "classes": list(manifest.classes),
        "licence": manifest.licence,
    }


def _made(store: ModelStore, name: str, version: str) -> Made | None:
    """Return when, how, by whom and why a version was made; None where its manifest cannot be read."""
    try:
        manifest = read_manifest(store.path(name, version))
    except ModelStoreError:
        return None
    how = next((how for how, mark in _MARKS.items() if mark in manifest.training), None)
    return Made(
        f"{name}@{version}",
        datetime.fromisoformat(manifest.created_at).timestamp(),
        how or "fit",
        who=str(manifest.training.get("by", "")),
        why=str(manifest.training.get("why", "")),
    )


def _followed(call: Call, done: Promotion) -> dict[str, Any]:
    """Let the state follow what was promoted; where it is away the watcher does so later."""
    config = call.worker.settings.monitoring().watcher.detector
    try:
        follow_promotions(call.worker.state.store(), call.worker.models.history(done.name), config=config)
    except StateUnavailable as error:
        log.warning("%s; the watcher will follow the promotion", error)
    return done.to_json()
