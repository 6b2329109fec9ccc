"""What does training hand over, whatever it was that it fitted?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.graphs.columns import ColumnInputs
from model_store.graphs.outputs import OutputSpec
from model_store.graphs.text import TextFrontEnd
from model_store.training.selection import Tried

Predict: TypeAlias = Callable[[Sequence[Any]], npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A fitted model in the two forms that must agree, and how it was chosen.

    Parameters
    ----------
    front_end
        Turns items into the inputs of the graph.
    onnx : bytes
        The serialised graph; its class columns stand in the order of the classes.
    output : OutputSpec
        Which output of the graph is read.
    predict_proba : callable
        scikit-learn's answer to a sequence of items, float (n_items, n_classes): rows sum to 1, or for
        multi-label the probability of each label on its own. Kept for the parity check, never written.
    facts : mapping
        What the manifest says about the training; plain JSON.
    tried : tuple of Tried
        Every recipe that was compared, in the order of the list; one entry without figures if the recipe
        was given.
    chosen : str
        Name of the recipe the model was fitted with.
    """

    front_end: TextFrontEnd | ColumnInputs
    onnx: bytes
    output: OutputSpec
    predict_proba: Predict
    facts: Mapping[str, Any]
    tried: tuple[Tried, ...]
    chosen: str
