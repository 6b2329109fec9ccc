"""Table graph: how does a model of numbers and texts in columns become an ONNX graph that answers the same?

skl2onnx 1.20 cannot write what these models need (indicators of missing values, filling them in double
precision, the histogram boosting of scikit-learn 1.9), so the few operators are put together here. Numbers
stay double from the input on: float32 takes a timestamp of 1.7e9 to the next multiple of 128, and has no
number between a value and a threshold just above it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from model_store.training.export import link_node, serialised
from model_store.training.focal import Link

NUMBERS: Final = "numbers"
TEXTS: Final = "texts"
FARTHEST: Final = 1e6  # standard deviations


class TableGraph:
    """Collects the nodes from `numbers` (n, a) and `texts` (n, b) to `logits` and `probabilities`.

    Parameters
    ----------
    numbers, texts : int
        How many columns of each kind there are; a kind without columns is no input.
    """

    def __init__(self, *, numbers: int, texts: int) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, npt.NDArray[Any]] = {}
        self._inputs = [
            helper.make_tensor_value_info(name, kind, ["n", width])
            for name, kind, width in (
                (NUMBERS, TensorProto.DOUBLE, numbers),
                (TEXTS, TensorProto.STRING, texts),
            )
            if width
        ]

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node of one output, and return its name."""
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a constant, and return its name."""
        self._constants[name] = value
        return name

    def standardised(
        self, fills: npt.NDArray[np.float64], means: npt.NDArray[np.float64], scales: npt.NDArray[np.float64]
    ) -> str:
        """Return the numbers, missing ones filled, less their means, over their scales: double (n, a).

        They end at `FARTHEST`, so that no finite number makes a score that float32 cannot hold.
        """
        absent = self._absent()
        filled = self.add("Where", [absent, self.constant("fills", fills), NUMBERS], "filled")
        centred = self.add("Sub", [filled, self.constant("means", means)], "centred")
        scaled = self.add("Div", [centred, self.constant("scales", scales)], "scaled")
        ends = [self.constant("lowest", np.array(-FARTHEST)), self.constant("highest", np.array(FARTHEST))]
        return self.add("Clip", [scaled, *ends], "standardised")

    def missing(self, columns: npt.NDArray[np.int64]) -> str:
        """Return 1 where a number of these columns is missing, else 0: double (n, len(columns))."""
        chosen = self.add(
            "Gather", [self._absent(), self.constant("may_miss", columns)], "chosen_absent", axis=1
        )
        return self.add("Cast", [chosen], "missing", to=TensorProto.DOUBLE)

    def one_hot(self, column: int, categories: Sequence[str]) -> str:
        """Return 1 where the text of a column is the category, else 0: double (n, len(categories))."""
        at = self.constant(f"text_{column}", np.array([column], dtype=np.int64))
        text = self.add("Gather", [TEXTS, at], f"text_{column}_value", axis=1)
        hot = self.add(
            "OneHotEncoder",
            [text],
            f"text_{column}_hot",
            cats_strings=list(categories),
            zeros=1,
            domain="ai.onnx.ml",
        )
        flat = self.add("Reshape", [hot, self._flat()], f"text_{column}_flat")
        return self.add("Cast", [flat], f"text_{column}_encoded", to=TensorProto.DOUBLE)

    def joined(self, parts: Sequence[str]) -> str:
        """Return the parts side by side."""
        return parts[0] if len(parts) == 1 else self.add("Concat", parts, "encoded", axis=1)

    def affine(self, features: str, weights: npt.NDArray[Any], bias: npt.NDArray[Any]) -> None:
        """Make the logits features @ weights + bias."""
        product = self.add(
            "MatMul", [features, self.constant("weights", weights.astype(np.float64))], "product"
        )
        scores = self.add("Add", [product, self.constant("bias", bias.astype(np.float64))], "scores")
        self.add("Cast", [scores], "logits", to=TensorProto.FLOAT)

    def trees(self, features: str, attributes: Mapping[str, Any]) -> None:
        """Make the logits the sums of trees."""
        self.add("TreeEnsembleRegressor", [features], "logits", domain="ai.onnx.ml", **attributes)

    def finished(self, link: Link, n_classes: int) -> bytes:
        """Return the model, serialised."""
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", n_classes])
            for name in ("logits", "probabilities")
        ]
        constants = [numpy_helper.from_array(value, name) for name, value in self._constants.items()]
        graph = helper.make_graph(
            [*self._nodes, link_node(link)], "table_classifier", self._inputs, outputs, constants
        )
        return serialised(graph, classical=True)

    def _absent(self) -> str:
        if not any("absent" in node.output for node in self._nodes):
            self.add("IsNaN", [NUMBERS], "absent")
        return "absent"

    def _flat(self) -> str:
        return self.constant("flat", np.array([0, -1], dtype=np.int64))
