"""Load a bundle into something that decides, or refuse it with the reason."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from model_store.bundle import MODEL_FILE, Bundle, ModelKey, read_bundle, read_front_end
from model_store.classifier import Classifier
from model_store.errors import BundleInvalid
from model_store.policy import Decisions
from model_store.text import TextFrontEnd

_WARM_UP_WORDS: Final = 18  # a text of about 100 characters
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

    def decide(self, texts: Sequence[str]) -> Decisions:
        """Return calibrated probabilities and the decision of each text, in order."""
        raw = self.classifier.log_probabilities(texts)
        return self.bundle.policy.decide(self.bundle.calibration.apply(raw))


def load_model(path: Path, *, threads: int = 1, timer: Callable[[], float] = time.perf_counter) -> Model:
    """Return the model in the bundle at `path`, verified and warm.

    `single_item_seconds` is the median of a few decisions on one text of about 100 characters,
    measured here with `timer`.

    Raises
    ------
    BundleError
        As `model_store.read_bundle`, and `BundleInvalid` if the front end or the graph cannot be
        loaded, do not fit each other or the classes, or fail on a first text.
    """
    bundle = read_bundle(path)
    front_end = read_front_end(bundle)
    classes = len(bundle.manifest.classes)
    classifier = Classifier.open(path / MODEL_FILE, front_end, n_classes=classes, threads=threads)
    model = Model(bundle, classifier, single_item_seconds=0.0)
    try:
        classifier.warm_up()
        seconds = _median_seconds(model, _typical_text(front_end), timer)
    except Exception as error:  # ORT's exceptions share no base but Exception
        raise BundleInvalid(path / MODEL_FILE, f"fails on a first text ({error})") from error
    return Model(bundle, classifier, single_item_seconds=seconds)


def _median_seconds(model: Model, text: str, timer: Callable[[], float]) -> float:
    elapsed = []
    for _ in range(_WARM_UP_RUNS):
        started = timer()
        model.decide([text])
        elapsed.append(timer() - started)
    return statistics.median(elapsed)


def _typical_text(front_end: TextFrontEnd) -> str:
    return " ".join(islice(cycle(front_end.word or ("",)), _WARM_UP_WORDS))
