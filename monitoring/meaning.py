"""Meaning: what does a drift say about the classes, and which promises does it leave standing?"""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from model_store.policy import Policy
from model_store.shift_reference import ShiftReference


def meaning_of(
    reference: ShiftReference,
    policy: Policy,
    meters: Mapping[str, npt.NDArray[Any]],
    finding: Mapping[str, Any] | None,
    *,
    seed: int,
    at: float | None = None,
    dispersion: float = 1.0,
) -> dict[str, Any]:
    """Return, as JSON, the new priors, whether they explain the traffic, and what follows; times are UTC.

    Parameters
    ----------
    meters : mapping of str to int64 array
        Counts of the items since the change: `joint` of shape (CONFIDENCE_BINS * n_classes,), and `mass` of
        shape (n_classes,) or, with several labels an item, `labels` of shape (n_classes + 1,) and `mass`.
        What is missing is said in the answer, never an error.
    finding : mapping, optional
        `Finding.to_json()`; None where no alarm asks, for a baseline that differs from validation.
    seed : int
        The same counts and seed give the same answer.
    at : float, optional
        UTC seconds of the alarm, for the sentence.
    dispersion : float
        By how much the variance of live counts exceeds that of independent items, at least 1.
    """
    raise NotImplementedError
