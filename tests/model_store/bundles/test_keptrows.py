"""Tests of `model_store.bundles.keptrows`."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.bundles.keptrows import (
    MOST_MARKED,
    Seen,
    Validation,
    load_seen,
    load_validation,
    save_seen,
    save_validation,
)
from model_store.data.rowmarks import Binning
from model_store.data.wordmarks import PER_TEXT, marks
from model_store.errors import BundleInvalid
from model_store.graphs.values import Column


@given(n=st.integers(0, 6), k=st.integers(1, 4), several=st.booleans(), raw=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_validation_rows_come_back(tmp_path: Path, n: int, k: int, several: bool, raw: bool):
    """One label a row or several, with what the classifier said or without: what was kept is read."""
    rng = np.random.default_rng(n + 10 * k)
    kept = Validation(
        rng.random((n, k), dtype=np.float32),
        rng.random((n, k)) < 0.5 if several else rng.integers(0, k, n, dtype=np.int32),
        rng.normal(size=(n, k)).astype(np.float32) if raw else None,
    )
    save_validation(tmp_path / "rows.npz", kept)
    read = load_validation(tmp_path / "rows.npz", k, several=several)
    np.testing.assert_array_equal(read.probabilities, kept.probabilities)
    np.testing.assert_array_equal(read.labels, kept.labels)
    assert read.labels.dtype == kept.labels.dtype
    assert (read.log_probabilities is None) == (not raw)
    if kept.log_probabilities is not None:
        np.testing.assert_array_equal(read.log_probabilities, kept.log_probabilities)
    with pytest.raises(BundleInvalid, match="array 'labels' is"):
        load_validation(tmp_path / "rows.npz", k, several=not several)
    with pytest.raises(BundleInvalid, match="probabilities have shape"):
        load_validation(tmp_path / "rows.npz", k + 1, several=several)


@pytest.mark.parametrize("label", [-2, 3])
def test_a_label_that_is_no_class_is_refused(tmp_path: Path, label: int):
    """A position outside the classes would be counted for the wrong one."""
    rows = Validation(np.ones((1, 3), np.float32), np.array([label], np.int32))
    save_validation(tmp_path / "rows.npz", rows)
    with pytest.raises(BundleInvalid, match=r"rows\.npz: a label is outside -1 to 2"):
        load_validation(tmp_path / "rows.npz", 3, several=False)


def test_signatures_come_back_with_or_without_vectors(tmp_path: Path):
    """No vectors stay none, and there may be fewer of them than of signatures."""
    signatures = np.arange(8, dtype=np.uint32).reshape(2, 4)
    save_seen(tmp_path / "seen.npz", Seen(signatures))
    assert load_seen(tmp_path / "seen.npz").vectors is None
    vectors = np.ones((1, 3), np.float32)
    save_seen(tmp_path / "seen.npz", Seen(signatures, vectors))
    np.testing.assert_array_equal(load_seen(tmp_path / "seen.npz").vectors, vectors)


def test_marks_of_texts_come_back_behind_those_of_before(tmp_path: Path):
    """A refit adds what was labelled since; a bundle from before there were marks begins with it."""
    signatures = np.arange(8, dtype=np.uint32).reshape(2, 4)
    first = Seen.of(signatures, ["a card", "a parcel"])
    second = Seen.of(signatures + 8, ["a voucher", "a fee"], before=first)
    save_seen(tmp_path / "seen.npz", second)
    read = load_seen(tmp_path / "seen.npz")
    np.testing.assert_array_equal(read.marks, marks(["a card", "a parcel", "a voucher", "a fee"]))
    assert len(read.signatures) == 4
    assert read.cuts is None
    assert len(Seen.of(signatures, ["a fee"], before=Seen(signatures)).marks) == 1  # type: ignore[arg-type]


def test_marks_of_before_make_room_for_new_ones():
    """A bundle refitted for years does not grow: old marks go evenly, the new ones stay."""
    old = np.repeat(np.arange(MOST_MARKED, dtype=np.uint16)[:, None], PER_TEXT, axis=1)
    before = Seen(np.zeros((1, 4), np.uint32), marks=old)
    seen = Seen.of(np.ones((1, 4), np.uint32), ["a card", "a parcel"], before=before)
    assert seen.marks is not None
    assert len(seen.marks) == MOST_MARKED
    np.testing.assert_array_equal(seen.marks[-2:], marks(["a card", "a parcel"]))
    kept = seen.marks[:-2, 0].astype(int)
    assert (kept[0], kept[-1], np.diff(kept).max()) == (0, MOST_MARKED - 1, 2)


def test_rows_of_a_table_are_marked_by_the_cuts_of_before(tmp_path: Path):
    """Marks of two fits mean the same, whatever the later rows are; the cuts are kept beside them."""
    columns, signatures = (Column("age", "float"),), np.arange(4, dtype=np.uint32).reshape(1, 4)
    young, old = ([{"age": float(age)} for age in ages] for ages in (range(100), range(500, 600)))
    first = Seen.of(signatures, young, columns=columns)
    save_seen(tmp_path / "seen.npz", Seen.of(signatures, old, columns=columns, before=first))
    read = load_seen(tmp_path / "seen.npz")
    binning = Binning.of(columns, young)
    np.testing.assert_array_equal(read.cuts, binning.cuts)
    np.testing.assert_array_equal(read.marks, binning.marks([*young, *old]))
    earlier = Seen.of(signatures, old, columns=columns, before=Seen(signatures))
    np.testing.assert_array_equal(earlier.cuts, Binning.of(columns, old).cuts)
