"""Which bundle answers now, and when does the next one take over?

Model and recorder are one object, because the number of classes may change between versions: a request takes
the object once and counts where it was answered.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from model_store.bundles.bundle import ModelKey
from model_store.errors import ModelStoreError
from model_store.meters import Meters, meters_of
from model_store.model import Model, load_model
from model_store.store import ModelStore
from monitoring.recording.recorder import Recorder, Sealed
from monitoring.recording.repeats import Deduplicate
from monitoring.recording.reservoir import OTHER_SOURCE, KeepText, Reservoir
from service.pending import Pending
from service.schema import ModelName
from service.settings import MAX_SOURCES

logger = logging.getLogger("seamark.swap")


@dataclass(slots=True)
class Current:
    """A model in service and what is counted about its answers."""

    model: Model
    recorder: Recorder
    name: ModelName = field(init=False)
    classes: tuple[str, ...] = field(init=False)
    claims: tuple[str, ...] = field(init=False)
    takes_text: bool = field(init=False)
    multilabel: bool = field(init=False)
    require_one: bool = field(init=False)
    inline: bool = field(init=False)
    pending: Pending = field(init=False)
    in_flight: int = 0

    def __post_init__(self) -> None:
        manifest, policy = self.model.bundle.manifest, self.model.bundle.policy
        self.name = ModelName(manifest.name, manifest.version)
        self.classes = tuple(self.model.classes)
        self.claims = tuple(threshold.status for threshold in policy.thresholds)
        self.takes_text = self.model.input_kind == "text"
        self.multilabel, self.require_one = policy.task == "multilabel", policy.require_one
        self.pending = Pending({source: source for source in self.recorder.sources})
        # Above a millisecond an item would hold up every other request of the event loop.
        self.inline = self.model.single_item_seconds <= 1e-3


def declared_sources(settings_sources: tuple[str, ...], bundle_sources: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources counted apart: the operator's, then the bundle's, at most 32, then "other"."""
    names = dict.fromkeys((*settings_sources, *bundle_sources))
    names.pop(OTHER_SOURCE, None)
    return (*list(names)[:MAX_SOURCES], OTHER_SOURCE)


def recorder_of(
    model: Model,
    *,
    sources: tuple[str, ...],
    batch_size: int,
    keep_text: KeepText = "full",
    deduplicate: Deduplicate = "id",
    important: Collection[str] = (),
    workers: int = 1,
) -> Recorder:
    """Return what counts a model's answers, with nothing counted yet.

    `sources` are the declared ones, `important` the classes of which labelers may want more; `workers` share
    the traffic.
    """
    policy = model.bundle.policy
    multilabel = policy.task == "multilabel"
    reservoir = Reservoir(
        model.classes,
        sources=sources,
        batch_size=batch_size,
        keep_text=keep_text,
        thresholds=[each.threshold for each in policy.thresholds] if multilabel else None,
        important=important,
        usual=model.bundle.reference.usual.tolist(),
        workers=workers,
    )
    return Recorder(
        model.key,
        model.classes,
        sources,
        reservoir,
        multilabel=multilabel,
        meters=_meters(model, deduplicate),
        deduplicate=deduplicate,
        task=policy.task,
    )


def _meters(model: Model, deduplicate: Deduplicate) -> Meters:
    """Return the model's meters; none, rather than no answers, where they cannot be made."""
    try:
        return meters_of(model, deduplicated=deduplicate != "off")
    except Exception as error:  # the observer boundary
        logger.error("%s is served without meters: %s", model.key, error)
        return Meters()


class Swapper:
    """Follows the store's pointer; what it holds is read by the event loop alone.

    Verifying a bundle and opening its session take a second and run in a thread; taking it into service is
    one assignment. A version that is refused is named once, and the running one stays.
    """

    def __init__(
        self, store: ModelStore, name: str | None, *, record: Callable[[Model], Recorder], threads: int = 1
    ) -> None:
        self._store, self._name, self._record, self._threads = store, name, record, threads
        self._refused_path: Path | None = None
        self.current: Current | None = None
        self.refused = 0
        self._retired: list[Current] = []

    def next(self) -> Current | None:
        """Return what should take over, None when what runs is right; for a thread, not the event loop."""
        path = self._wanted()
        if path is None or path == self._refused_path or path == self._running():
            return None
        try:
            model = load_model(path, threads=self._threads, embedding=False)
        except ModelStoreError as error:
            self._refused_path = path
            self.refused += 1
            logger.error("bundle refused, %s keeps answering: %s", self._running_name(), error)
            return None
        self._refused_path = None
        return Current(model, self._record(model))

    def install(self, new: Current) -> None:
        """Let `new` answer from the next request on."""
        if self.current is not None:
            self._retired.append(self.current)
        logger.info(
            "now answering: %s@%s (before: %s)", new.name.name, new.name.version, self._running_name()
        )
        self.current = new

    def seal(self, now: float, *, pass_on: Callable[[Current], None], forget: bool = True) -> list[Sealed]:
        """Return what was counted since the last call, by the running version and by those it replaced.

        `pass_on` is called with each of them before, to tell its recorder about the items that wait. Their
        reservoirs may `forget` what they report.
        """
        held = self._held()
        self._retired = [retired for retired in self._retired if retired.in_flight]
        for one in held:
            pass_on(one)
        return [one.recorder.seal(now, forget=forget) for one in held]

    def held_bytes(self) -> int:
        """Return about how much memory the candidates in the slots of all recorders take."""
        return sum(one.recorder.held_bytes for one in self._held())

    def turned_away(self) -> int:
        """Return how many items the running version's slots had no room for in memory."""
        return self.current.recorder.turned_away if self.current else 0

    def _held(self) -> list[Current]:
        return [*self._retired, *([self.current] if self.current else [])]

    def _wanted(self) -> Path | None:
        key = key_in_force(self._store, self._name)
        return self._store.path_of(key) if key else None

    def _running(self) -> Path | None:
        return self.current.model.bundle.path if self.current else None

    def _running_name(self) -> str:
        return self.current.model.key if self.current else "no version"


def served_name(store: ModelStore, wanted: str | None) -> str | None:
    """Return the wanted name, else the one name in `store`; None when there are several or none."""
    names = () if wanted else store.names()
    return wanted or (names[0] if len(names) == 1 else None)


def key_in_force(store: ModelStore, wanted: str | None) -> ModelKey | None:
    """Return the `name@version` that should answer; None before the first promotion."""
    name = served_name(store, wanted)
    version = store.current(name) if name else None
    return f"{name}@{version}" if version else None
