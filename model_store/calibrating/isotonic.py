"""Isotonic calibration: which rising line, of any shape, makes a class's probability say what the rows say?

Pooling adjacent violators gives steps. A step would make thousands of items equal, and an order statistic of
equal items is one threshold that takes all or none of them; two classes on steps tie in p / t. So every step
is tilted about its middle: in log-odds the line nowhere rises by less than `FLATTEST` of what it is given.
Steps without a positive or a negative at either end would be log-odds without bound: half a row of the other
kind at each end keeps them finite, as Krichevsky and Trofimov's estimate of a share does.
"""

from typing import Final

import numpy as np
from scipy.optimize import isotonic_regression

from model_store.calibrating.brokenlines import Float64s, Line
from model_store.calibrating.onevsrest import FLATTEST, Curve
from model_store.data.indicators import LabelMatrix

_HALF_A_ROW: Final = 0.5


def fit_isotonic(logit: Float64s, positive: LabelMatrix) -> Curve:
    """Fit a line from log-odds to log-odds; both arrays of shape (n_items,)."""
    x, place = np.unique(logit, return_inverse=True)
    items = np.bincount(place).astype(np.float64)
    share = np.bincount(place, weights=positive) / items
    weights = np.concatenate([[_HALF_A_ROW], items, [_HALF_A_ROW]])
    fitted = isotonic_regression(np.concatenate([[1.0], share, [0.0]]), weights=weights).x[1:-1]
    y = np.log(fitted / (1 - fitted))
    # Of each step its ends; what lies between them is on the line anyway.
    ends = np.diff(y, prepend=-np.inf) + np.diff(y, append=np.inf) > 0
    return Curve(line=Line(x[ends], _tilted(x[ends], y[ends])))


def _tilted(x: Float64s, y: Float64s) -> Float64s:
    """Return the mean of the lowest line above and the highest below that rise by `FLATTEST` or more."""
    above = np.maximum.accumulate(y - FLATTEST * x)
    below = np.minimum.accumulate((y - FLATTEST * x)[::-1])[::-1]
    return (above + below) / 2 + FLATTEST * x
