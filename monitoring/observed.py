"""What does the service tell monitoring about the items it has just decided?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_store.policy import Decisions


@dataclass(frozen=True, slots=True)
class Observed:
    """The items of one answered request, in order.

    Attributes
    ----------
    texts, ids, sources : sequences of length n
        `ids` are the caller's, None where not given; `sources` are declared ones or "other".
    decisions : Decisions
        Of the same n items.
    arrived_at : float
        UTC epoch seconds.
    priorities : float64 array of shape (n,)
        Independent uniform draws in [0, 1): the order in which occurrences are sampled.
    """

    texts: Sequence[str]
    ids: Sequence[str | None]
    sources: Sequence[str]
    decisions: Decisions
    arrived_at: float
    priorities: npt.NDArray[np.float64]
