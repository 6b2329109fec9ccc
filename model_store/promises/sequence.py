"""Sequence: which thresholds have a precision for certain, when many are tried on the same rows?

A precision that is read at many candidates and reported where it looks good has been selected. Fixed-sequence
testing looks at candidates in an order that was settled before the rows were seen, each at the full delta,
and stops at the first that fails: everything before has the precision, all of it together with confidence
1 - delta. No correction for the number of candidates is due.

**Theorem.** Let the rows be independent draws (score, label) from the traffic, and t_1, t_2, ... numbers that
do not depend on them. H_i says that the precision at t_i, P(label | score >= t_i), is below p. Given how many
rows m reach t_i, each of the m is a positive with probability P(label | score >= t_i) independently, so the
hits are binomial and the p-value P(Bin(m, p) >= hits) is at most delta with probability at most delta under
H_i: given m, hence also without. Of the true hypotheses let H_j be the first. Whatever is rejected wrongly,
the sequence got past H_j, so a wrong rejection happens with probability at most delta.

Nothing is assumed of the model: precision may rise and fall with the threshold, scores may tie, and how the
tests depend on each other does not matter. What *is* assumed is that the sequence is fixed: it may depend on
the precision asked for and on the calibration, which other rows fitted, never on the threshold rows. That
rules out the ranks of their scores and a start at the first threshold that flags enough of them. Where the
sequence starts is a guess about where evidence is strongest; `docs/decisions/0009` measures guesses.

Source: the order and its proof, Maurer, Hothorn and Lehmacher 1995, Bauer 1991; its use for the risks of
a classifier, Angelopoulos, Bates, Candes, Jordan and Lei 2021 (Learn then Test, fixed sequence testing).
"""

from typing import Final

import numpy as np
from scipy.special import expit, logit

from model_store.calibrating.calibration import Float32s
from model_store.promises.bounds import p_value
from model_store.promises.class_rows import ClassRows

# Calibrated, the items at probability p are positives at that rate and those above it more often: half a
# logit above, a test usually has both the hits and the margin.
START_LOGITS: Final = 0.5
STEP_LOGITS: Final = 0.05
STEPS: Final = 120


def sequence(precision: float) -> Float32s:
    """Return the thresholds to test for `precision`, in order: falling, evenly spaced in the logit.

    Examples
    --------
    >>> [f"{threshold:.3f}" for threshold in sequence(0.8)[[0, 10, -1]]]
    ['0.868', '0.800', '0.017']
    """
    return expit(logit(precision) + START_LOGITS - STEP_LOGITS * np.arange(STEPS)).astype(np.float32)


def certified_thresholds(rows: ClassRows, precision: float, delta: float) -> Float32s:
    """Return the thresholds of the sequence up to the first that fails, highest first; maybe none.

    The precision of all of them is at least `precision`, together with confidence 1 - delta. Rows must weigh
    the same.
    """
    tested = sequence(precision)
    flagged = _reaching(rows.scores, tested)
    hits = _reaching(rows.positive_scores, tested)
    failed = p_value(hits, flagged, precision) > delta
    return tested[: int(np.argmax(failed))] if failed.any() else tested


def _reaching(scores: Float32s, thresholds: Float32s) -> "np.ndarray[tuple[int, ...], np.dtype[np.intp]]":
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")
