"""Newton: where is a convex loss of a few numbers least?"""

from collections.abc import Callable
from typing import Final

import numpy as np

from model_store.calibrating.brokenlines import Float64s

_STEPS: Final = 100


def minimise(
    start: Float64s,
    loss: Callable[[Float64s], float],
    derivatives: Callable[[Float64s], tuple[Float64s, Float64s]],
    *,
    tolerance: float,
) -> Float64s:
    """Return the minimum of a convex loss, by Newton steps that are halved until the loss falls.

    Parameters
    ----------
    start : float64 array of shape (n_numbers,)
    derivatives : callable
        Gradient of shape (n_numbers,) and a positive definite Hessian at a point.
    tolerance : float
        The gradient's largest component at which the loss counts as flat.
    """
    theta, current = start, loss(start)
    for _ in range(_STEPS):
        gradient, hessian = derivatives(theta)
        if np.abs(gradient).max() < tolerance:
            break
        step = np.linalg.solve(hessian, gradient)
        descent, size = float(gradient @ step), 1.0
        while (new := loss(theta - size * step)) > current - 1e-4 * size * descent and size > 1e-8:
            size /= 2
        if new >= current:
            break
        theta, current = theta - size * step, new
    return theta
