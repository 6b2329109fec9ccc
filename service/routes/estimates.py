"""How common is each class, and how well is it found, by the labels that came back so far?"""

from collections.abc import Collection, Sequence
from typing import Final, cast, get_args

from model_store.bundles.bundle import read_bundle
from model_store.errors import ModelStoreError
from monitoring.store import Store
from monitoring.waves.basis import basis
from monitoring.waves.estimates import estimate
from monitoring.waves.facts import facts_of
from monitoring.waves.labelled import BatchMode, Drawn
from monitoring.waves.usable import Rules
from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.models import current_key
from service.values import LATEST_SECOND

MODES: Final[tuple[str, ...]] = get_args(BatchMode)


def get_estimates(call: Call) -> object:
    """Return shares, precision and recall of every class with intervals, from explored labels only."""
    store = call.worker.state.store()
    mode, only = call.query.get("mode", "mixed"), call.query.get("batch")
    if mode not in MODES:
        raise FieldInvalid("query.mode", f"expected one of {', '.join(MODES)}")
    since = call.whole_number("since", default=0, low=0, high=LATEST_SECOND)
    key = call.query.get("model") or (store.batches.get(only).model_key if only else current_key(call))
    bundle = read_bundle(call.worker.models.path_of(key))
    mine = [each for each in store.labelled.drawn() if _name(each.model_key) == _name(key)]
    moved_at, past = (None, frozenset[str]()) if only else _past(store, key, mine)
    if "since" in call.query:
        moved_at, past = float(since), {each.batch_id for each in mine if each.created_at < since}
    rules = Rules(
        classes=bundle.policy.classes,
        scored_alike=_alike(call, key, {each.model_key for each in mine}),
        past=past,
        mode=cast(BatchMode, mode),
    )
    # Items of a batch may stand for draws of a later one, also where that is the only one asked for.
    every = [
        store.batches.get(each)
        for each in dict.fromkeys([*(each.batch_id for each in mine), *filter(None, [only])])
    ]
    batches = [each for each in every if only in {None, each.id}]
    found = estimate(batches, rules=rules, model_key=key, policy=bundle.policy, others=every)
    return {"model": key, "mode": mode, "since": moved_at, **found.to_json()}


def _past(store: Store, key: str, drawn: Sequence[Drawn]) -> tuple[float | None, Collection[str]]:
    """Return when the traffic last moved, and the batches of the traffic before."""
    found = basis(drawn, store.alarms.of_all_versions(_name(key)))
    return found.moved_at, {each.batch_id for each in found.batches if not each.present}


def _alike(call: Call, key: str, others: Collection[str]) -> Collection[str]:
    """Return the versions whose scores are those of `key`, itself among them."""
    models = call.worker.models
    scoring = facts_of(read_bundle(models.path_of(key))).scoring
    alike = {key}
    for other in sorted(set(others) - alike):
        try:
            if facts_of(read_bundle(models.path_of(other))).scoring == scoring:
                alike.add(other)
        except ModelStoreError:
            continue  # gone, or damaged: what its scores were cannot be told
    return alike


def _name(key: str) -> str:
    return key.partition("@")[0]
