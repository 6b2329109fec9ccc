"""Load a bundle into something that decides, or refuse it with the reason."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model_store.bundles.bundle import (
    EMBEDDING_FILE,
    MODEL_FILE,
    Bundle,
    ModelKey,
    read_bundle,
    read_front_end,
)
from model_store.errors import BundleInvalid, ClassifierUnusable
from model_store.graphs.classifier import Classifier
from model_store.graphs.columns import Column
from model_store.graphs.embedding import Embedder
from model_store.graphs.inputs import Input, InputKind
from model_store.policy import Decisions

_WARM_UP_RUNS: Final = 9


@dataclass(frozen=True, slots=True)
class Model:
    """A verified bundle with its running graph."""

    bundle: Bundle
    classifier: Classifier
    single_item_seconds: float

    @property
    def key(self) -> ModelKey:
        """``"name@version"``."""
        return self.bundle.key

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of every array's columns."""
        return self.bundle.manifest.classes

    @property
    def input_kind(self) -> InputKind:
        """What an item is: ``"text"``, a string, or ``"features"``, a mapping from column to value."""
        return self.bundle.manifest.input_kind

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that an item has; none where an item is a text."""
        return self.bundle.manifest.columns

    def decide(self, inputs: Sequence[Input]) -> Decisions:
        """Return calibrated probabilities and the decision of each item, in order.

        Raises
        ------
        FeatureInvalid
            For the first item that is not one the model takes; nothing is decided then.
        """
        raw = self.classifier.log_probabilities(inputs)
        return self.bundle.policy.decide(self.bundle.calibration.apply(raw))


def load_model(
    path: Path,
    *,
    threads: int = 1,
    embedding: bool = True,
    timer: Callable[[], float] = time.perf_counter,
) -> Model:
    """Return the model in the bundle at `path`, verified and warm.

    `single_item_seconds` is the median of a few decisions on one typical item of the front end, measured
    here with `timer`.

    Parameters
    ----------
    embedding : bool
        Whether the graph of vectors is verified too, if the bundle has one, and let go. What only answers
        spares its weights: they were verified when the bundle was published.

    Raises
    ------
    BundleError
        As `model_store.read_bundle`, and `BundleInvalid` if the front end or a graph cannot be
        loaded, do not fit each other or the classes, or fail on a first item.
    """
    bundle = read_bundle(path)
    front_end = read_front_end(bundle)
    manifest = bundle.manifest
    classifier = Classifier.open(
        path / MODEL_FILE,
        front_end,
        n_classes=len(manifest.classes),
        output=manifest.output,
        task=manifest.task,
        threads=threads,
    )
    model = Model(bundle, classifier, single_item_seconds=0.0)
    try:
        classifier.warm_up()
        seconds = _median_seconds(model, front_end.typical(), timer)
    except Exception as error:  # ORT's exceptions share no base but Exception
        raise BundleInvalid(path / MODEL_FILE, f"fails on a first item ({error})") from error
    if embedding and manifest.embedding is not None:
        _check_embedder(open_embedder(bundle, threads=threads), path / EMBEDDING_FILE)
    return Model(bundle, classifier, single_item_seconds=seconds)


def open_embedder(bundle: Bundle, *, threads: int = 1) -> Embedder:
    """Return what makes vectors of the items of a bundle that declares an embedding.

    Raises
    ------
    BundleInvalid
        If it declares none, or its graph cannot be loaded or does not fit the front end.
    """
    spec, file = bundle.manifest.embedding, bundle.path / EMBEDDING_FILE
    if spec is None:
        raise BundleInvalid(bundle.path, "declares no embedding; import it with --embedding OUTPUT")
    return Embedder.open(file, read_front_end(bundle), spec, threads=threads)


def _check_embedder(embedder: Embedder, file: Path) -> None:
    try:
        embedder.warm_up()
    except ClassifierUnusable as error:
        raise BundleInvalid(file, f"fails on a first item ({error})") from error


def _median_seconds(model: Model, item: Input, timer: Callable[[], float]) -> float:
    elapsed = []
    for _ in range(_WARM_UP_RUNS):
        started = timer()
        model.decide([item])
        elapsed.append(timer() - started)
    return statistics.median(elapsed)
