"""Export: how does a fitted model become an ONNX graph that gives the same probabilities?

The graph of a linear text model takes the columns a text touches and their weights, not the text: `Gather`
the touched rows of the weight matrix, `MatMul`, `Add`, `Softmax`. A graph with the tokeniser inside costs
2-3 ms an item where this one costs 80 us. The graphs of tables are in `model_store.training.table_graph`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from model_store.calibrating.calibration import Float32s
from model_store.errors import TrainingError
from model_store.graphs.classifier import Classifier
from model_store.graphs.inputs import Input
from model_store.training.focal import Link

PARITY: Final = 1e-5
# Read by every ONNX Runtime since 1.15; newer operators are not needed.
_OPSET: Final = 17
_ML_OPSET: Final = 3
_IR_VERSION: Final = 8
_BLOCK: Final = 1_024


class Fitted(Protocol):
    """A scikit-learn pipeline, or whatever says the same of items."""

    @property
    def predict_proba(self) -> Callable[[Any], Any]:
        """Return probabilities of items, of shape (n_items, n_classes)."""


class ParityBroken(TrainingError):
    """The exported graph does not give the pipeline's probabilities."""

    def __init__(self, difference: float, row: int) -> None:
        super().__init__(difference, row)
        self.difference, self.row = difference, row

    def __str__(self) -> str:
        return (
            f"the exported graph differs from the fitted pipeline by {self.difference:.2g} on validation row "
            f"{self.row}; at most {PARITY:g} is allowed: nothing was published, please report it"
        )


def linear_onnx(weights: Float32s, bias: Float32s, *, link: Link = "softmax") -> bytes:
    """Return the graph link(sum_l weights[ids_l] * w_l + bias), serialised.

    Parameters
    ----------
    weights : float32 array of shape (n_columns, n_classes)
    bias : float32 array of shape (n_classes,)
    link : {"softmax", "sigmoid"}
        What makes probabilities of logits: one label an item, or each label on its own.

    Notes
    -----
    Inputs `ids` int64 (n, l) and `weights` float32 (n, l); padding is id 0 with weight 0. Outputs `logits`
    and `probabilities`, float32 (n, n_classes).
    """
    if weights.ndim != 2 or bias.shape != (weights.shape[1],):
        raise ValueError(
            f"weights {weights.shape} and bias {bias.shape}: expected (columns, classes) and (classes,)"
        )
    n_classes = weights.shape[1]
    nodes = [
        helper.make_node("Gather", ["matrix", "ids"], ["rows"], axis=0),
        helper.make_node("Unsqueeze", ["weights", "one"], ["across"]),
        helper.make_node("MatMul", ["across", "rows"], ["summed"]),
        helper.make_node("Squeeze", ["summed", "one"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
        link_node(link),
    ]
    constants = {
        "matrix": np.ascontiguousarray(weights, dtype=np.float32),
        "bias": bias.astype(np.float32),
        "one": np.array([1], dtype=np.int64),
    }
    graph = helper.make_graph(
        nodes,
        "linear_text_classifier",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", "l"]),
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, ["n", "l"]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", n_classes]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", n_classes]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return serialised(graph)


def link_node(link: Link) -> Any:
    """Return the node from `logits` to `probabilities`."""
    if link == "sigmoid":
        return helper.make_node("Sigmoid", ["logits"], ["probabilities"])
    return helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)


def serialised(graph: Any, *, classical: bool = False) -> bytes:
    """Return a checked model of a graph; `classical` admits the operators of classical machine learning."""
    opsets = [helper.make_opsetid("", _OPSET)]
    opsets += [helper.make_opsetid("ai.onnx.ml", _ML_OPSET)] if classical else []
    model = helper.make_model(graph, producer_name="seamark", ir_version=_IR_VERSION, opset_imports=opsets)
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def check_parity(classifier: Classifier, fitted: Fitted, inputs: Sequence[Input]) -> float:
    """Return the largest difference between served and fitted probabilities over all `inputs`.

    Parameters
    ----------
    fitted
        What was fitted: items in, `predict_proba` out, classes in the same order.

    Raises
    ------
    ParityBroken
        If a difference reaches `PARITY`.
    """
    worst, at = 0.0, 0
    for start in range(0, len(inputs), _BLOCK):
        part = inputs[start : start + _BLOCK]
        served = np.exp(classifier.log_probabilities(part).astype(np.float64))
        difference = np.abs(served - fitted.predict_proba(part)).max(axis=1)
        # NaN is not less than anything: it must not pass for equal.
        if not difference.max() <= worst:
            worst, at = float(difference.max()), start + int(difference.argmax())
    if not worst < PARITY:
        raise ParityBroken(worst, at)
    return worst
