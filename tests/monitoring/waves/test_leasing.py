"""The id of a lease says who asked for it, where and under which key."""

from monitoring.waves.leasing import lease_id


def test_the_same_request_has_the_same_id_and_no_other_has() -> None:
    """Another batch, person or key is another lease; half a surrogate pair in a name does no harm."""
    asked = [
        ("b1", "ann", "k"),
        ("b2", "ann", "k"),
        ("b1", "bo", "k"),
        ("b1", "ann", "l"),
        ("b1", "\ud800", "k"),
    ]
    assert len({lease_id(*each) for each in asked}) == len(asked)
    assert lease_id("b1", "ann", "k") == lease_id("b1", "ann", "k")
