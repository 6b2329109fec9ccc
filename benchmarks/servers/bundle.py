"""Which model do all servers answer with, and which texts are they sent?

150 intents over a made-up vocabulary, as large as a public intent data set: each intent has words of its own
and shares common ones. The weights are log odds, so that nothing has to be trained.
"""

import functools
import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from model_store.bundles.bundle import Seen, Validation, write_bundle
from model_store.calibrating.calibration import Calibration, calibration_digest
from model_store.graphs.text import TextFrontEnd
from model_store.model import Model, load_model
from model_store.policy import Policy
from model_store.promises.thresholds import ClassThreshold, Interval, Target
from model_store.readings import input_cuts
from model_store.reference import build_reference
from model_store.store import ModelStore
from model_store.training.export import linear_onnx

NAME: Final = "intents"
N_CLASSES: Final = 150
OWN_WORDS, COMMON_WORDS, WORDS_A_TEXT, TEXTS_A_CLASS = 12, 400, 9, 40


def model() -> Model:
    """Return the model of the store that the environment names."""
    return load_model(ModelStore(Path(os.environ["SEAMARK_STORE"])).path(NAME, "1"))


def texts(n: int, *, seed: int) -> tuple[list[str], np.ndarray]:
    """Return n texts and the classes they were drawn for."""
    random = np.random.default_rng(seed)
    labels = random.integers(N_CLASSES, size=n)
    own = random.integers(OWN_WORDS, size=(n, WORDS_A_TEXT))
    common = random.integers(COMMON_WORDS, size=(n, WORDS_A_TEXT))
    mine = random.random((n, WORDS_A_TEXT)) < 0.35
    return [
        " ".join(
            f"topic{label}word{a}" if is_own else f"common{b}" for a, b, is_own in zip(*row, strict=True)
        )
        for label, *row in zip(labels, own, common, mine, strict=True)
    ], labels


def publish(root: Path) -> None:
    """Publish and promote the bundle in the store at `root`."""
    store = ModelStore(root)
    store.publish(NAME, functools.partial(_write))
    store.promote(NAME, "1", who="benchmarks", why="the only one", at=0.0)


def _write(directory: Path) -> None:
    sample, labels = texts(N_CLASSES * TEXTS_A_CLASS, seed=1)
    classes = tuple(f"intent{k}" for k in range(N_CLASSES))
    grams = [_grams(text) for text in sample]
    frequency = Counter(gram for each in grams for gram in set(each))
    vocabulary = {gram: at for at, gram in enumerate(sorted(g for g, n in frequency.items() if n >= 3))}
    idf = np.array([1 + np.log((1 + len(sample)) / (1 + frequency[gram])) for gram in vocabulary], np.float32)
    counts = np.ones((len(vocabulary), N_CLASSES))
    for each, label in zip(grams, labels, strict=True):
        for gram in each:
            if gram in vocabulary:
                counts[vocabulary[gram], label] += 1
    weights = np.log(counts / counts.sum(axis=1, keepdims=True) * N_CLASSES).astype(np.float32) * 2
    calibration = Calibration("identity", np.ones(N_CLASSES), np.zeros(N_CLASSES), "softmax", {})
    policy = _policy(classes, calibration)
    true = labels.astype(np.int32)
    # What is measured of traffic falls between quantiles of these, so they must not be all alike.
    log_probabilities = np.log(np.random.default_rng(2).dirichlet(np.full(N_CLASSES, 0.05), len(true)) + 1e-9)
    probabilities = calibration.apply(log_probabilities.astype(np.float32))
    front_end = TextFrontEnd(vocabulary, idf)
    write_bundle(
        directory,
        name=NAME,
        task="multiclass",
        classes=classes,
        onnx=linear_onnx(weights, np.zeros(N_CLASSES, np.float32)),
        front_end=front_end,
        calibration=calibration,
        policy=policy,
        reference=build_reference(
            policy.decide(probabilities), true, classes, inputs=input_cuts(front_end, sample)
        ),
        validation=Validation(probabilities, true),
        seen=Seen(np.zeros((0, 64), np.uint32)),
        card="# intents\n\nMade for benchmarks/serving.py.\n",
        training={"rows": len(sample)},
        licence="Apache-2.0",
        created_at=0.0,
    )


def _grams(text: str) -> list[str]:
    words = text.split()
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))]


def _policy(classes: tuple[str, ...], calibration: Calibration) -> Policy:
    value = float(np.float32(0.3))
    n_positive = {"train": 40, "calibration": 10, "threshold": 10, "test": 10}
    thresholds = tuple(
        ClassThreshold(
            name,
            value,
            "empirical",
            Target(name, recall=0.8),
            n_positive=n_positive,
            recall=Interval(0.9, 0.8),
            precision=Interval(0.9, 0.8),
        )
        for name in classes
    )
    return Policy(classes, thresholds, 0.1, calibration_digest(calibration))
