"""Tests of `model_store.data.leakage`."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.labelled import groups_of, labelled_of
from model_store.data.leakage import LOOSE_SIMILARITY, Leakage, between, leakage, names_of
from model_store.data.parts import Splits
from model_store.data.rows import Rows, read_rows
from model_store.data.signatures import SIMILARITY, Signatures, minhash
from model_store.data.splits import split
from tests.support.shared import SHARED
from tests.support.synthetic import synthetic_table

TEXTS = ["reset my password please", "the van is late again", "what is this charge", "hello there"]


def _signatures(n: int, *, seed: int) -> Signatures:
    return np.random.default_rng(seed).integers(0, 2**32, (n, 64), dtype=np.uint32)


def test_repeats_are_counted_and_named_by_id():
    """Those of the checked rows, with what each repeats, the most alike first."""
    nearly = "the van is late again today"
    checked, against = minhash(["something else", nearly, "RESET my password  please"]), minhash(TEXTS)
    found = leakage(checked, against, names=["n1", "n2", "n3"], against_names=["a", "b", "c", "d"])
    assert (found.count, found.checked, found.against, found.similarity) == (2, 3, 4, SIMILARITY)
    assert found.share == pytest.approx(2 / 3)
    assert [(each.row, each.of) for each in found.examples] == [("n3", "a"), ("n2", "b")]
    assert found.examples[0].similarity == 1.0
    assert SIMILARITY <= found.examples[1].similarity < 1.0


def test_rows_without_names_are_numbered_and_their_counterparts_left_out():
    """A bundle knows the signatures of what it has seen, and nothing else."""
    found = leakage(minhash(["no", *TEXTS[:2]]), minhash(TEXTS))
    assert [(each.row, each.of) for each in found.examples] == [("row 2", None), ("row 3", None)]


def test_at_most_five_examples_are_given():
    """A file that is wholly known is reported in a few lines."""
    signatures = _signatures(50, seed=1)
    found = leakage(signatures, signatures)
    assert (found.count, len(found.examples)) == (50, 5)
    assert len(leakage(signatures, signatures, examples=0).examples) == 0


@pytest.mark.parametrize(("checked", "against"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_repeats_nothing(checked: int, against: int):
    """No division by zero either."""
    found = leakage(_signatures(checked, seed=1), _signatures(against, seed=2))
    assert (found.count, found.share, found.examples) == (0, 0.0, ())
    assert (found.checked, found.against) == (checked, against)


def test_a_report_is_json_without_content():
    """Ids, numbers and figures."""
    rows = Rows(("a secret text of some length",), ids=("id-1",))
    found = leakage(minhash(rows.texts), minhash(rows.texts), names=names_of(rows))
    said = json.loads(json.dumps(found.to_json()))
    assert said == {
        "count": 1,
        "checked": 1,
        "against": 1,
        "share": 1.0,
        "similarity": 0.6,
        "examples": [{"row": "id-1", "of": None, "similarity": 1.0}],
    }
    assert "secret" not in str(found)


@given(
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 10_000),
    similarity=st.sampled_from([0.52, 0.6, 0.75, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_pair_is_found_that_comparing_all_with_all_finds(
    sizes: tuple[int, int], seed: int, similarity: float
):
    """Over a similarity of .5 nothing is missed: 31 differences cannot break all of 32 pairs of columns."""
    rng = np.random.default_rng(seed)
    checked, against = _signatures(sizes[0], seed=seed), _signatures(sizes[1], seed=seed + 1)
    # some rows at a chosen likeness to one of the others
    for row in checked[: sizes[0] // 2]:
        same = rng.permutation(64)[: int(rng.integers(20, 65))]
        row[same] = against[rng.integers(sizes[1])][same]
    all_pairs = (checked[:, None, :] == against[None, :, :]).mean(axis=2)
    expected = (all_pairs >= similarity).any(axis=1)
    found = leakage(checked, against, similarity=similarity, examples=sizes[0])
    assert found.count == expected.sum()
    assert {int(each.row.removeprefix("row ")) - 1 for each in found.examples} == set(
        np.flatnonzero(expected)
    )


def test_between_parts_every_row_is_held_against_the_parts_before_it():
    """A pair is counted once, at the later part."""
    texts = [*TEXTS, *TEXTS[:3], TEXTS[0]]
    splits = Splits({"train": np.arange(4), "threshold": np.array([4, 5, 6]), "test": np.array([7])}, 8)
    found = between(minhash(texts), splits)
    assert {part: (each.count, each.checked, each.against) for part, each in found.items()} == {
        "threshold": (3, 3, 4),
        "test": (1, 1, 7),
    }
    assert (found["test"].examples[0].row, found["test"].examples[0].of) == ("row 8", "row 1")
    named = between(minhash(texts), splits, names=[f"id-{i}" for i in range(8)])
    assert (named["test"].examples[0].row, named["test"].examples[0].of) == ("id-7", "id-0")


def test_our_own_splits_leave_no_near_duplicate_in_two_parts():
    """At the similarity rows are grouped by, whatever the seed; at a looser one some remain, and are told."""
    rng = np.random.default_rng(5)
    words = [f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in ("nt", "r", "ls")]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(300)]
    for text in texts[:150]:
        mixed = text.split()
        for at in rng.choice(12, size=int(rng.integers(1, 5)), replace=False):
            mixed[at] = str(rng.choice(words))
        texts.append(" ".join(mixed))
    rows = Rows(tuple(texts))
    signatures = minhash(rows.texts)
    groups = groups_of(rows, signatures)
    loose = 0
    for seed in range(5):
        splits = split(np.zeros(len(rows), dtype=np.int64), groups, seed=seed)
        assert [each.count for each in between(signatures, splits).values()] == [0, 0, 0]
        at_half = between(signatures, splits, similarity=LOOSE_SIMILARITY)
        loose += sum(each.count for each in at_half.values())
    assert loose > 0


def test_rows_of_tables_leak_by_equality_only():
    """A number more or less is another row."""
    rows = synthetic_table({"billing": 40, "login": 40}, seed=2)
    signatures = minhash(rows.contents(), exact=True)
    shifted = {name: tuple(cell + "1" for cell in cells) for name, cells in (rows.features or {}).items()}
    other = minhash(Rows(features=shifted).contents(), exact=True)
    assert leakage(signatures, signatures).count == 80
    assert leakage(other, signatures, similarity=LOOSE_SIMILARITY).count == 0


def test_names_are_ids_or_numbers():
    """Never anything else of a row."""
    assert names_of(Rows(("x", "y"), ids=("a", "b"))) == ("a", "b")
    assert names_of(Rows(("x", "y"))) == ("row 1", "row 2")


@pytest.mark.slow
def test_a_phrase_that_all_share_is_no_leak():
    """Of 25,000 rows beside as many, where most pairs have to be looked at."""
    rng = np.random.default_rng(0)
    chain = _signatures(1, seed=3)[0]
    signatures = _signatures(50_000, seed=4)
    shared = rng.random(signatures.shape) < 0.3
    signatures[shared] = np.broadcast_to(chain, signatures.shape)[shared]
    found = leakage(signatures[:25_000], signatures[25_000:])
    assert found.count < 25


@pytest.mark.slow
def test_real_tweets_leave_none_between_splits_and_some_that_resemble():
    """What the card of a fit on this set says."""
    path = SHARED / "data" / "hate_davidson.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    rows = read_rows(path, text="text", label="label", id="id")
    labelled, signatures = labelled_of(rows), minhash(rows.texts)
    splits = split(labelled.labels, groups_of(rows, signatures), seed=0, classes=labelled.classes)
    at_grouping = between(signatures, splits, names=names_of(rows))
    assert [each.count for each in at_grouping.values()] == [0, 0, 0]
    loose = between(signatures, splits, names=names_of(rows), similarity=LOOSE_SIMILARITY)
    assert all(0.0 < each.share < 0.05 for each in loose.values())


def test_leakage_of_nobody_has_share_zero():
    """A report can be made before anything was compared."""
    assert Leakage(0, 0, 0, SIMILARITY).to_json()["share"] == 0.0
