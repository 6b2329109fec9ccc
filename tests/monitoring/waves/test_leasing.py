"""The id of a lease says who asked for it, where and under which key."""

from monitoring.waves.leasing import KEY_CHARACTERS, lease_id


def test_the_same_request_has_the_same_id_and_no_other_has() -> None:
    """Another batch, person or key is another lease; half a surrogate pair in a name does no harm."""
    asked = [
        ("b1", "ann", "k"),
        ("b2", "ann", "k"),
        ("b1", "bo", "k"),
        ("b1", "ann", "l"),
        ("b1", "\ud800", "k"),
    ]
    made = [lease_id(*each, size=5, seconds=60) for each in asked]
    assert len({each[:KEY_CHARACTERS] for each in made}) == len(made)
    assert made == [lease_id(*each, size=5, seconds=60.0) for each in asked]


def test_what_else_is_asked_under_a_key_is_another_lease_of_that_key() -> None:
    """Its size and its time are in the end of the id."""
    made = [
        lease_id("b1", "ann", "k", size=size, seconds=seconds)
        for size, seconds in ((5, 60), (7, 60), (5, 90))
    ]
    assert len(set(made)) == 3
    assert {each[:KEY_CHARACTERS] for each in made} == {made[0][:KEY_CHARACTERS]}
