"""The test of the mix as a whole: calibrated without a change, silent when there is too little."""

import numpy as np

from monitoring.whole_mix import whole_mix_evidence
from monitoring.windows import single_window


def test_the_whole_mix_is_silent_without_a_change():
    """Over 200 windows of unchanged traffic -ln p of the whole mix is exponential, not larger."""
    rng = np.random.default_rng(8)
    shares = rng.dirichlet(np.full(60, 0.5))
    nlp = [
        float(
            whole_mix_evidence(single_window(rng.multinomial(500, shares)), rng.multinomial(20_000, shares))[
                0
            ]
        )
        for _ in range(200)
    ]
    assert 0.7 < np.mean(nlp) < 1.3
    assert max(nlp) < 12


def test_the_whole_mix_needs_two_groups():
    """A window of three items has one group after pooling and says nothing."""
    assert whole_mix_evidence(single_window(np.array([1, 1, 1])), np.array([50, 30, 20])).tolist() == [0.0]
