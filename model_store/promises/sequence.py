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

Rows that come in groups are not independent draws. Both counts of a test are then scaled by what the rows are
worth at the precision asked for (`model_store.promises.bounds.independence`), and only thresholds above which
they are practically independent count as proved.

Source: the order and its proof, Maurer, Hothorn and Lehmacher 1995, Bauer 1991; its use for the risks of
a classifier, Angelopoulos, Bates, Candes, Jordan and Lei 2021 (Learn then Test, fixed sequence testing).
"""

from typing import Final

import numpy as np
from scipy.special import expit, logit

from model_store.calibrating.calibration import Float32s, Float64s
from model_store.promises.bounds import Groups, independence, p_value, running_squares
from model_store.promises.class_rows import INDEPENDENT, ClassRows, Flags

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
    hits, misses = _reaching(rows, rows.positive, tested), _reaching(rows, ~rows.positive, tested)
    worth = independence(*hits, *misses, precision)
    failed = p_value(hits[0] * worth, (hits[0] + misses[0]) * worth, precision) > delta
    passed = np.arange(len(tested)) < (int(np.argmax(failed)) if failed.any() else len(tested))
    return tested[passed & (worth >= INDEPENDENT)]


def _reaching(rows: ClassRows, which: Flags, thresholds: Float32s) -> tuple[Float64s, Float64s]:
    """Return how many rows of `which` reach each threshold, and the sum of their squared group sizes."""
    order = np.argsort(-rows.scores[which], kind="stable")
    groups: Groups | None = None if rows.groups is None else rows.groups[which][order]
    squares = np.append(0.0, running_squares(np.ones(len(order)), groups))
    count = np.searchsorted(-rows.scores[which][order], -thresholds, side="right")
    return count.astype(np.float64), squares[count]
