"""What does the service tell monitoring about the items it has just decided?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_store.graphs.inputs import Input
from model_store.policy import Decisions


@dataclass(frozen=True, slots=True)
class Observed:
    """The items of one answered request, in order.

    Attributes
    ----------
    inputs, ids, sources : sequences of length n
        What was decided about, a text or the features of a row; the caller's ids, None where not given; the
        sources, declared ones or "other".
    decisions : Decisions
        Of the same n items.
    arrived_at : float
        UTC epoch seconds.
    priorities : float64 array of shape (n,)
        Independent uniform draws in [0, 1): the order in which occurrences are sampled.
    """

    inputs: Sequence[Input]
    ids: Sequence[str | None]
    sources: Sequence[str]
    decisions: Decisions
    arrived_at: float
    priorities: npt.NDArray[np.float64]
