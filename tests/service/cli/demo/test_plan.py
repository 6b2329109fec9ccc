"""How much of a change the model's own mistakes leave to be seen."""

from types import SimpleNamespace

import numpy as np
import pytest

from service.cli.demo.plan import predicted_ratio


@pytest.mark.parametrize(
    ("confusion", "ratio"),
    [
        ([[90, 0], [0, 10]], 3.0),
        ([[90, 0], [5, 5]], 3.0),
        ([[81, 9], [0, 10]], (0.3 + 0.7 * 0.1) / (0.1 + 0.9 * 0.1)),
    ],
    ids=["no mistakes", "misses", "false alarms"],
)
def test_false_positives_do_not_multiply(confusion: list[list[int]], ratio: float):
    """Three times a class of 10 % is three times its predictions only where nothing else is taken for it."""
    reference = SimpleNamespace(confusion=np.array(confusion), priors=np.array([0.9, 0.1]))
    model = SimpleNamespace(classes=("other", "fraud"), bundle=SimpleNamespace(reference=reference))
    assert predicted_ratio(model, "fraud", 0.1, 3.0) == pytest.approx(ratio)
