"""Small real bundles, made in milliseconds and without training: a class is called by its own name."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from model_store.bundles.bundle import AnyFrontEnd, Seen, Validation, read_manifest, write_bundle
from model_store.bundles.manifest import MANIFEST
from model_store.bundles.verify import describe
from model_store.calibrating.calibration import Calibration, Link, calibration_digest
from model_store.graphs.columns import Column, ColumnInputs, GraphInput
from model_store.graphs.embedding import EmbeddingGraph, EmbeddingSpec
from model_store.graphs.outputs import LOGITS, OutputSpec
from model_store.graphs.text import TextFrontEnd
from model_store.model import Model, load_model
from model_store.policy import Policy
from model_store.promises.thresholds import ClassThreshold, Interval, Target
from model_store.readings import input_cuts
from model_store.reference import build_reference
from model_store.store import ModelStore
from model_store.training.export import linear_onnx

Kind: TypeAlias = Literal["text", "features", "multilabel"]

NAMED = ("billing", "delivery", "login")
UNKNOWN_TEXT = "nothing here is known"
UNKNOWN_ITEM: dict[str, Any] = {"topic": "nothing known", "amount": None, "urgent": False}


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
    kind: Kind = "text",
    k: int = 3,
    threshold: float | None = None,
    ambiguous_ratio: float | None = 0.8,
    sources: tuple[str, ...] = ("email", "chat"),
    onnx: bytes | None = None,
    change: Callable[[dict[str, Any]], object] | None = None,
) -> None:
    """Write a bundle of `k` classes into `directory`.

    A text with the name of one class is called that class. One with two names is ambiguous, and one
    with none (`UNKNOWN_TEXT`) passes no class; both hold from three classes on. With `kind="features"` an
    item is one of `tiny_item` and `UNKNOWN_ITEM`; with `kind="multilabel"` a text has a label for each name
    in it, up to three. `change` may edit the arguments of `write_bundle` before they are used.
    """
    classes = tiny_classes(k)
    several = kind == "multilabel"
    link: Link = "independent" if several else "softmax"
    calibration = Calibration("identity", np.ones(k), np.zeros(k), link, {})
    policy = tiny_policy(classes, calibration, threshold=threshold, ambiguous_ratio=ambiguous_ratio)
    own = np.repeat(np.arange(k, dtype=np.int32), 4)
    raw = np.eye(k, dtype=np.float32)[own] * _strength(k)
    if several:
        policy = replace(policy, task="multilabel", ambiguous_ratio=None)
        raw = -np.logaddexp(0, _strength(k) / 2 - raw).astype(np.float32)
    else:
        raw -= np.log(np.exp(raw).sum(axis=1, keepdims=True))
    probabilities = calibration.apply(raw)
    labels = np.eye(k, dtype=np.bool_)[own] if several else own
    front_end, graph, output = _PARTS[kind](classes)
    parts: dict[str, Any] = {
        "name": name,
        "task": "multilabel" if several else "binary" if k == 2 else "multiclass",
        "classes": classes,
        "onnx": graph if onnx is None else onnx,
        "front_end": front_end,
        "output": output,
        "calibration": calibration,
        "policy": policy,
        "reference": build_reference(
            policy.decide(probabilities),
            labels,
            classes,
            inputs=input_cuts(front_end, _tiny_inputs(kind, classes)),
        ),
        "validation": Validation(probabilities, labels, raw),
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


def tiny_item(topic: str, *, amount: float | None = None, urgent: bool = False) -> dict[str, Any]:
    """Return an item of a tiny bundle of `kind="features"`: the name of a class is called that class.

    `amount`, if any, speaks for the first class, and `urgent` for the last; both say little.
    """
    return {"topic": topic, "amount": amount, "urgent": urgent}


def _tiny_inputs(kind: Kind, classes: tuple[str, ...]) -> list[Any]:
    if kind == "features":
        return [tiny_item(name, amount=float(at % 7) if at % 3 else None) for at, name in enumerate(classes)]
    return [f"{name} {'word ' * at}" for at, name in enumerate(classes)]


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


def tiny_embedding(kind: Kind = "text", k: int = 3) -> EmbeddingGraph:
    """Return a graph that makes a vector of `k` numbers of an item: what a tiny graph says about it."""
    _, graph, output = _PARTS[kind](tiny_classes(k))
    return EmbeddingGraph(graph, EmbeddingSpec(output.name, k))


def tiny_columns() -> ColumnInputs:
    """Return the front end of a tiny bundle of features: one input of a text, one of two numbers."""
    return ColumnInputs(
        (Column("topic", "text"), Column("amount", "float", missing=True), Column("urgent", "boolean")),
        (
            GraphInput("topic", ("topic",), "tensor(string)"),
            GraphInput("numbers", ("amount", "urgent"), "tensor(float)"),
        ),
    )


def tiny_columns_graph(classes: Sequence[str]) -> bytes:
    """Return a graph from topic, amount and urgency to probabilities, as scikit-learn's exporter would."""
    k = len(classes)
    nodes = [
        helper.make_node(
            "OneHotEncoder", ["topic"], ["hot"], domain="ai.onnx.ml", cats_strings=list(classes), zeros=1
        ),
        helper.make_node("Reshape", ["hot", "wide"], ["called"]),
        helper.make_node("MatMul", ["called", "names"], ["said"]),
        helper.make_node("IsNaN", ["numbers"], ["gaps"]),
        helper.make_node("Where", ["gaps", "nothing", "numbers"], ["filled"]),
        helper.make_node("Tanh", ["filled"], ["bounded"]),
        helper.make_node("MatMul", ["bounded", "hints"], ["hinted"]),
        helper.make_node("Add", ["said", "hinted"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    hints = np.zeros((2, k), dtype=np.float32)
    hints[0, 0] = hints[1, -1] = 0.1
    constants = {
        "wide": np.array([-1, k], dtype=np.int64),
        "names": np.eye(k, dtype=np.float32) * np.float32(_strength(k)),
        "nothing": np.zeros(1, dtype=np.float32),
        "hints": hints,
    }
    graph = helper.make_graph(
        nodes,
        "tiny_columns",
        [
            helper.make_tensor_value_info("topic", TensorProto.STRING, ["n", 1]),
            helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["n", 2]),
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", k])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    content: bytes = helper.make_model(graph, ir_version=8, opset_imports=opsets).SerializeToString()
    return content


def _tiny_labels_graph(k: int) -> bytes:
    """Return the graph that gives each label a logit of its own, above 0 where its name is said."""
    weights = np.vstack([np.eye(k), np.zeros((1, k))]).astype(np.float32) * np.float32(_strength(k))
    return linear_onnx(weights, np.full(k, -_strength(k) / 2, dtype=np.float32))


_PARTS: Mapping[Kind, Callable[[tuple[str, ...]], tuple[AnyFrontEnd, bytes, OutputSpec]]] = {
    "text": lambda classes: (tiny_front_end(classes), tiny_graph(len(classes)), LOGITS),
    "multilabel": lambda classes: (tiny_front_end(classes), _tiny_labels_graph(len(classes)), LOGITS),
    "features": lambda classes: (
        tiny_columns(),
        tiny_columns_graph(classes),
        OutputSpec("probabilities", "probabilities"),
    ),
}


def _strength(k: int) -> float:
    return 6.0 + math.log(k)
