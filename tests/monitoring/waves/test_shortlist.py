"""Of near-duplicates a shortlist gives one, and none of what is known."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.signatures import groups, minhash
from monitoring.recording.candidate import Candidate
from monitoring.waves.columns import Columns
from monitoring.waves.neardup import Excluded
from monitoring.waves.pool import Pool, pool_of
from monitoring.waves.shortlist import Shortlist
from tests.support.candidates import CLASSES, candidate, candidates, text_of

RESENT = [
    candidate("a", text=text_of(1)),
    candidate("b", text=f"{text_of(1)} please"),
    candidate("c", text=text_of(2)),
]


def pool(each: list[Candidate], *, exact: bool = False) -> Pool:
    """Return a pool of them."""
    return pool_of(Columns.of(each, n_classes=len(CLASSES)), thresholds=np.full(3, 0.5), exact=exact)


def shortlist(each: list[Candidate], excluded: Excluded | None = None, *, exact: bool = False) -> Shortlist:
    """Return a shortlist of all of them in their order."""
    rows = range(len(each))
    return Shortlist.of(pool(each, exact=exact), rows, known={}, excluded=excluded or Excluded())


def test_a_group_is_used_by_any_of_it() -> None:
    """A resend is not free once its original is taken, and counted as one of two copies."""
    found = shortlist(RESENT)
    assert found.representatives([1, 0, 2]) == [1, 2]
    found.use(0)
    assert [found.is_free(row) for row in range(3)] == [False, False, True]
    assert [found.copies(row) for row in range(3)] == [2, 2, 1]
    assert found.representatives([1, 0, 2]) == [2]


def test_rows_of_tables_that_are_merely_near_are_two_groups() -> None:
    """Of a table only equal rows are the same work."""
    found = shortlist(RESENT, exact=True)
    assert found.representatives([0, 1, 2]) == [0, 1, 2]


def test_what_is_known_by_key_or_by_text_takes_its_group_along() -> None:
    """Two rows are left out, and nothing of their group is free; one of those is counted by itself."""
    by_key = shortlist(RESENT, Excluded(keys={"a"}))
    assert (by_key.n_excluded, by_key.representatives([0, 1, 2])) == (1, [2])
    by_text = shortlist(RESENT, Excluded(signatures=minhash([text_of(1)])))
    assert (by_text.n_excluded, by_text.representatives([0, 1, 2])) == (2, [2])


def test_a_known_row_stays_known_in_a_deeper_look() -> None:
    """What was compared with everything labelled is not compared again, and its group stays struck."""
    known: dict[int, bool] = {}
    mine, excluded = pool(RESENT), Excluded(signatures=minhash([text_of(1)]))
    Shortlist.of(mine, [0], known=known, excluded=excluded)
    found = Shortlist.of(mine, [0, 2], known=known, excluded=Excluded())
    assert known == {0: True, 2: False}
    assert (found.n_excluded, found.representatives([0, 2])) == (1, [2])


def test_an_empty_look_is_a_shortlist_too() -> None:
    """Nothing is free, nothing is left out."""
    found = Shortlist.of(pool([]), [], known={}, excluded=Excluded())
    assert (found.n_excluded, found.representatives([])) == (0, [])


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 40), n_texts=st.integers(1, 20), seed=st.integers(0, 1000), data=st.data())
def test_free_ones_are_the_groups_that_were_not_used(
    n: int, n_texts: int, seed: int, data: st.DataObject
) -> None:
    """As many representatives as there are texts unlike those used, and copies as often as each is there."""
    each = candidates(n, n_texts=n_texts, seed=seed)
    group = groups(minhash([one.text or "" for one in each])).tolist()
    used = data.draw(st.sets(st.integers(0, n - 1))) if n else set()
    found = shortlist(each)
    for row in used:
        found.use(row)
    free = found.representatives(range(n))
    left = set(group) - {group[row] for row in used}
    assert sorted(group[row] for row in free) == sorted(left)
    assert all(row == group.index(group[row]) for row in free)
    assert [found.copies(row) for row in range(n)] == [Counter(group)[each_] for each_ in group]
