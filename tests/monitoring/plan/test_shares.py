"""Shares are proportional, none is above its limit, and each source gets one while there are enough."""

from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.plan.shares import allocate, sizes, sizes_by_model, source_quotas

SOURCES = st.dictionaries(st.text("abcdef", min_size=1), st.integers(1, 500), min_size=1, max_size=6)


@given(of=SOURCES, total=st.integers(0, 600))
@settings(max_examples=200, deadline=None)
def test_everything_is_shared_and_nobody_is_left_out(of: dict[str, int], total: int) -> None:
    """As much as the sources hold, and never more than one holds."""
    got = allocate(total, of, of)
    assert sum(got.values()) == min(total, sum(of.values()))
    assert all(got[name] <= n for name, n in of.items())
    if total >= len(of):
        assert all(got.values())


def test_quotas_follow_the_sizes() -> None:
    """To the nearest item."""
    assert source_quotas(100, {"app": 700, "mail": 200, "fax": 100}, {}) == {"app": 70, "mail": 20, "fax": 10}


def test_a_cap_gives_the_rest_to_the_others() -> None:
    """Without a remainder, and one item stays whatever the cap."""
    quota = source_quotas(100, {"app": 700, "mail": 200, "fax": 100}, {"app": 0.4, "fax": 0.001})
    assert quota == {"app": 40, "mail": 59, "fax": 1}


def test_caps_that_leave_too_little_make_a_smaller_wave() -> None:
    """They are not relaxed in silence."""
    assert source_quotas(100, {"app": 700}, {"app": 0.4}) == {"app": 40}


def test_slices_add_up() -> None:
    """55, 30 and 15 %; exploration has one of each source at least."""
    assert sizes(1000, 3) == {"rare": 550, "spread": 300, "explore": 150}
    assert sizes(10, 8) == {"rare": 2, "spread": 0, "explore": 8}
    assert sizes(2, 8) == {"rare": 0, "spread": 0, "explore": 2}


def test_a_model_s_slices_are_the_service_s() -> None:
    """65, 10, 10 and 15 %; a wave that exploration fills has no others."""
    assert sizes_by_model(1000, 3) == {"rare": 650, "novel": 100, "uncertain": 100, "explore": 150}
    assert sizes_by_model(2, 8) == {"rare": 0, "novel": 0, "uncertain": 0, "explore": 2}
