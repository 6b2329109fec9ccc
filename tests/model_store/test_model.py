"""Tests of `model_store.model`."""

import numpy as np

from model_store.model import Model
from tests.support.bundles import UNKNOWN_TEXT


def test_a_tiny_model_decides(tiny_model: Model):
    """A class is called by its name, two names are ambiguous, no name passes no class."""
    decisions = tiny_model.decide(["billing", "please help delivery", "login billing", UNKNOWN_TEXT, ""])
    np.testing.assert_array_equal(decisions.label[:2], [0, 1])
    np.testing.assert_array_equal(decisions.decision, [0, 0, 1, 2, 2])
