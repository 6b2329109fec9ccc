"""How does the watcher's process let a proposed version answer beside the live one?"""

from collections.abc import Callable
from typing import Final

from model_store.bundles.bundle import read_bundle, read_manifest
from model_store.model import Model, load_model
from model_store.store import ModelStore
from monitoring.clock import Clock
from monitoring.recording.reservoir import slots
from monitoring.shadowing import Shadowing
from monitoring.store import Store
from monitoring.waves.facts import ModelFacts, facts_of
from service.settings import Settings
from service.swap import declared_sources

SHADOW_SECONDS: Final = 2.0


class Proving:
    """Opens versions for the comparison, and works only where the watcher does.

    Parameters
    ----------
    holder : str
        The watcher of this process, as the lease names it.
    """

    def __init__(
        self,
        store: Store,
        models: ModelStore,
        settings: Settings,
        *,
        clock: Clock,
        holder: str,
        on_failure: Callable[[str], None],
    ) -> None:
        self._store, self._models, self._settings, self._holder = store, models, settings, holder
        self._known: tuple[str, ModelFacts] | None = None
        self._shadowing = Shadowing(
            store,
            clock=clock,
            resolve=self._facts,
            load=self._load,
            per_stratum=self._per_stratum,
            on_failure=on_failure,
        )

    def tick(self) -> int:
        """Let proposed versions answer a few items; return how many."""
        lease = self._store.lease.status()
        if lease is None or lease.holder != self._holder:
            return 0
        return self._shadowing.tick()

    def _load(self, model_key: str) -> Model:
        return load_model(self._models.path_of(model_key), embedding=False)

    def _facts(self, model_key: str) -> ModelFacts:
        if self._known is None or self._known[0] != model_key:
            self._known = model_key, facts_of(read_bundle(self._models.path_of(model_key)))
        return self._known[1]

    def _per_stratum(self, model_key: str) -> int:
        """Return how many draws of a source every reservoir of a version is sure to hold."""
        manifest = read_manifest(self._models.path_of(model_key))
        sources = declared_sources(self._settings.sources, manifest.sources)
        kept = slots(self._settings.batch_size, n_classes=len(manifest.classes), n_sources=len(sources))
        return kept.random
