"""Small real bundles, made in milliseconds and without training: a class is called by its own name."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model_store.bundle import Seen, Validation, read_manifest, write_bundle
from model_store.calibration import Calibration, calibration_digest
from model_store.export import linear_onnx
from model_store.manifest import MANIFEST
from model_store.model import Model, load_model
from model_store.policy import Policy
from model_store.reference import build_reference
from model_store.store import ModelStore
from model_store.text import TextFrontEnd
from model_store.thresholds import ClassThreshold, Interval, Target
from model_store.verify import describe

NAMED = ("billing", "delivery", "login")
UNKNOWN_TEXT = "nothing here is known"


def tiny_classes(k: int = 3) -> tuple[str, ...]:
    """Return `k` class names, each one word of its own."""
    return (*NAMED, *(f"topic{i}" for i in range(3, k)))[:k]


def publish_tiny(store: ModelStore, *, name: str = "tiny", promote: bool = True, **bundle: Any) -> Path:
    """Publish a tiny bundle, see `write_tiny`, as the next version and put it in force."""
    path = store.publish(name, functools.partial(write_tiny, name=name, **bundle))
    if promote:
        store.promote(name, path.name, who="tests", why="a tiny bundle", at=0.0)
    return path


def tiny_model(store: ModelStore, **bundle: Any) -> Model:
    """Publish a tiny bundle and load it."""
    return load_model(publish_tiny(store, **bundle))


def write_tiny(
    directory: Path,
    *,
    name: str = "tiny",
    k: int = 3,
    threshold: float | None = None,
    ambiguous_ratio: float | None = 0.8,
    sources: tuple[str, ...] = ("email", "chat"),
    onnx: bytes | None = None,
    change: Callable[[dict[str, Any]], object] | None = None,
) -> None:
    """Write a bundle of `k` classes into `directory`.

    A text with the name of one class is called that class. One with two names is ambiguous, and one
    with none (`UNKNOWN_TEXT`) passes no class; both hold from three classes on. `change` may edit the
    arguments of `write_bundle` before they are used.
    """
    classes = tiny_classes(k)
    calibration = Calibration("identity", np.ones(k), np.zeros(k), "softmax", {})
    policy = tiny_policy(classes, calibration, threshold=threshold, ambiguous_ratio=ambiguous_ratio)
    labels = np.repeat(np.arange(k, dtype=np.int32), 4)
    logits = np.eye(k, dtype=np.float32)[labels] * _strength(k)
    probabilities = calibration.apply(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
    parts: dict[str, Any] = {
        "name": name,
        "task": "binary" if k == 2 else "multiclass",
        "classes": classes,
        "onnx": tiny_graph(k) if onnx is None else onnx,
        "front_end": tiny_front_end(classes),
        "calibration": calibration,
        "policy": policy,
        "reference": build_reference(policy.decide(probabilities), labels, classes),
        "validation": Validation(probabilities, labels),
        "seen": Seen(np.zeros((0, 64), dtype=np.uint32)),
        "card": f"# {name}\n\nA class is called by its own name.\n",
        "training": {"rows": 0},
        "sources": sources,
        "licence": "Apache-2.0",
        "created_at": 0.0,
    }
    if change is not None:
        change(parts)
    write_bundle(directory, **parts)


def reseal(directory: Path) -> None:
    """Make the manifest list the files as they are now, as somebody who tampers with care would."""
    manifest = read_manifest(directory)
    files = {name: describe(directory / name) for name in manifest.files}
    (directory / MANIFEST).write_bytes(replace(manifest, files=files).to_bytes())


def tiny_front_end(classes: tuple[str, ...]) -> TextFrontEnd:
    """Return a front end that knows the names of the classes and the phrase "please help"."""
    words = (*classes, "please help")
    return TextFrontEnd({w: i for i, w in enumerate(words)}, np.ones(len(words), dtype=np.float32))


def tiny_policy(
    classes: tuple[str, ...],
    calibration: Calibration,
    *,
    threshold: float | None = None,
    ambiguous_ratio: float | None = None,
) -> Policy:
    """Return a policy of one threshold for all classes, by default one that an even guess does not pass."""
    value = float(np.float32(threshold if threshold is not None else 0.6 if len(classes) == 2 else 0.4))
    thresholds = tuple(
        ClassThreshold(
            class_name=name,
            threshold=value,
            status="empirical",
            target=Target(name, recall=0.8),
            n_positive={"train": 4, "calibration": 4, "threshold": 4, "test": 4},
            recall=Interval(1.0, 0.5),
            precision=Interval(1.0, 0.5),
        )
        for name in classes
    )
    return Policy(classes, thresholds, 0.1, calibration_digest(calibration), ambiguous_ratio)


def tiny_graph(k: int) -> bytes:
    """Return the graph that answers a class by the weight of its name; the phrase says nothing."""
    weights = np.vstack([np.eye(k), np.zeros((1, k))]).astype(np.float32) * np.float32(_strength(k))
    return linear_onnx(weights, np.zeros(k, dtype=np.float32))


def _strength(k: int) -> float:
    return 6.0 + math.log(k)
