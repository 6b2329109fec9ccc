"""Several buckets as one window."""

import json

import numpy as np

from monitoring.scanning.total import Total


def test_it_is_one_window_of_all_its_buckets():
    """Counts and waves add up, the beginning is the earliest, and the length is the number of buckets."""
    total = Total(2, n_waves=1)
    total.add(np.array([1, 2]), start=20.0, waves=np.array([0.5]))
    total.add(np.array([3, 4]), start=10.0, waves=np.array([0.25]))
    window = total.window()
    assert (window.counts.tolist(), window.lengths.tolist()) == ([[4, 6]], [2])
    assert window.starts.tolist() == [10.0]
    assert window.waves is not None
    assert window.waves.tolist() == [[0.75]]


def test_it_survives_json_and_can_begin_anew():
    """Also before the first bucket, when there is no beginning yet."""
    total = Total(2)
    for _ in range(2):
        restored = Total.from_json(json.loads(json.dumps(total.to_json(), allow_nan=False)))
        assert restored.to_json() == total.to_json()
        total.add(np.array([1, 2]), start=20.0)
    assert total.window().waves is None
    assert total.empty().to_json() == Total(2).to_json()
