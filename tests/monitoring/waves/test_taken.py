"""What is taken is told in one value: by keys, and by signatures of which the last have keys."""

import numpy as np

from monitoring.waves.taken import Taken


def test_nothing_is_taken_without_items():
    """Signatures have their width also where there are none."""
    nothing = Taken()
    assert (len(nothing.keys), nothing.signatures.shape, nothing.signatures.dtype) == (0, (0, 64), np.uint32)


def test_items_without_a_key_come_before_those_that_have_one():
    """The keys are those of the last rows, so more signatures without a key move none."""
    known = Taken({"a"}, np.ones((1, 64), np.uint32), ("a",), places={"a": ("b1", 3)})
    both = known.beside(np.zeros((2, 64), np.uint32))
    assert both.signatures[:, 0].tolist() == [0, 0, 1]
    assert (both.signed_keys, both.keys, both.places) == (known.signed_keys, known.keys, known.places)
