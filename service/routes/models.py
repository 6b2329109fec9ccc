"""Which versions are there, which one answers where, and who changed that? Promote and roll back."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from model_store.bundles.bundle import read_manifest
from model_store.errors import ModelStoreError, UnknownBundle
from model_store.store import ModelStore
from service import swap
from service.exchange import Call
from service.problems import NoBundle

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Reason = Annotated[str, Meta(min_length=1, max_length=1_000)]


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """Who changes the version in force, and why."""

    who: Name
    why: Reason


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
    """Put a version in force; the reply comes when it is stored, workers follow within seconds."""
    change = call.json(Change)
    done = call.worker.models.promote(
        served_name(call), call.path["version"], who=change.who, why=change.why, at=call.worker.clock.now()
    )
    return done.to_json()


def roll_back(call: Call) -> object:
    """Put the version back in force that was before the current one."""
    change = call.json(Change)
    done = call.worker.models.rollback(
        served_name(call), who=change.who, why=change.why, at=call.worker.clock.now()
    )
    return done.to_json()


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
