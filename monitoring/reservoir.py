"""Which of the items that passed by are worth showing to a labeler, in bounded memory?"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Probabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes), rows sum to 1
ProbabilityVector: TypeAlias = npt.NDArray[np.float32]  # (n_classes,), sums to 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One occurrence of an item that may go into a labeling batch.

    `key` is the caller's id, else `item_key(source, text)`. `label` is the index of the class answered, -1 for
    none; `decision` an index into `model_store.policy.DECISIONS`; `at` the arrival, UTC epoch seconds;
    `priority` uniform in [0, 1), drawn for this occurrence. `kinds` names the slots it entered:
    `top:<class>`, `uncertain:<class>`, `random:<source>`. `text` is None when texts are not kept.
    """

    key: str
    item_id: str | None
    source: str
    text: str | None
    probabilities: ProbabilityVector = field(compare=False)
    label: int
    decision: int
    at: float
    priority: float
    kinds: frozenset[str]
