"""Tests of `model_store.policy`."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.canonical import canonical_json
from model_store.policy import ACCEPTED, AMBIGUOUS, DECISIONS, NO_CLASS_PASSES, Policy
from model_store.thresholds import ClassThreshold, Interval, Target

SHA = "0" * 64


def _policy(
    thresholds: list[float] | npt.NDArray[np.float32],
    *,
    names: list[str] | None = None,
    ambiguous_ratio: float | None = None,
    rarity: tuple[int, ...] = (),
) -> Policy:
    names = names or [f"c{k}" for k in range(len(thresholds))]
    claim = Interval(1.0, 0.8)
    return Policy(
        classes=tuple(names),
        thresholds=tuple(
            ClassThreshold(name, float(np.float32(t)), "certified", Target(name, 0.8), {}, claim, claim)
            for name, t in zip(names, thresholds, strict=True)
        ),
        delta=0.1,
        calibration_sha256=SHA,
        ambiguous_ratio=ambiguous_ratio,
        rarity=rarity,
    )


def _rows(*rows: list[float]) -> npt.NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def test_the_label_is_the_flag_that_exceeds_its_threshold_most():
    """Not the most probable class: .3 is three times its threshold, .6 only 1.2 times."""
    decided = _policy([0.1, 0.5, 0.9]).decide(_rows([0.3, 0.6, 0.1]))
    assert decided.flags.tolist() == [[True, True, False]]
    assert decided.label.tolist() == [0]
    assert decided.top.tolist() == [1]
    assert decided.decision.tolist() == [ACCEPTED]


def test_a_probability_at_its_threshold_is_flagged():
    """The comparison is p >= t in float32, as when the threshold was fitted."""
    t = np.float32(0.1)
    below = np.nextafter(t, np.float32(0))
    decided = _policy([t, np.float32(0.99)]).decide(
        np.array([[t, 1 - t], [below, 1 - below]], dtype=np.float32)
    )
    assert decided.flags[:, 0].tolist() == [True, False]


def test_no_flag_is_no_label():
    """Then the item is for review and counts with its most probable class."""
    decided = _policy([0.9, 0.9, 0.9]).decide(_rows([0.2, 0.5, 0.3], [0.95, 0.03, 0.02]))
    assert decided.label.tolist() == [-1, 0]
    assert decided.decision.tolist() == [NO_CLASS_PASSES, ACCEPTED]
    assert decided.counts(3).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_what_is_watched_is_the_most_probable_class_and_not_the_label():
    """A low threshold takes the label of the first item, and neither its category nor its count."""
    decided = _policy([0.9, 0.1, 0.3]).decide(_rows([0.6, 0.3, 0.1], [0.1, 0.3, 0.6], [0.89, 0.09, 0.02]))
    assert decided.label.tolist() == [1, 1, -1]
    assert decided.categories(3).tolist() == [0, 2, 3]
    assert decided.counts(3).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_ties_go_to_the_rarer_class():
    """Equal ratios are decided by how rare a class is, not by its place."""
    rows = _rows([0.5, 0.5])
    assert _policy([0.25, 0.25], rarity=(0, 1)).decide(rows).label.tolist() == [0]
    assert _policy([0.25, 0.25], rarity=(1, 0)).decide(rows).label.tolist() == [1]


def test_a_close_second_is_ambiguous_where_it_was_asked_for():
    """Second ratio 1.9 against 2 is over .9 of it, 1.7 is not; without the option both are accepted."""
    rows = _rows([0.4, 0.38, 0.22], [0.4, 0.34, 0.26])
    asked = _policy([0.2, 0.2, 0.9], ambiguous_ratio=0.9).decide(rows)
    assert asked.decision.tolist() == [AMBIGUOUS, ACCEPTED]
    assert asked.label.tolist() == [0, 0]
    assert _policy([0.2, 0.2, 0.9]).decide(rows).decision.tolist() == [ACCEPTED, ACCEPTED]


def test_a_second_class_under_its_threshold_is_no_rival():
    """Only flags make an item ambiguous."""
    decided = _policy([0.5, 0.5], ambiguous_ratio=0.9).decide(_rows([0.51, 0.49], [0.3, 0.3]))
    assert decided.decision.tolist() == [ACCEPTED, NO_CLASS_PASSES]


def test_a_threshold_of_zero_always_flags():
    """Also where the probability is 0: p >= t holds, and the label is that class."""
    decided = _policy([0.9, 0.0, 0.9]).decide(_rows([0.5, 0.0, 0.5]))
    assert decided.flags.tolist() == [[False, True, False]]
    assert decided.label.tolist() == [1]


@st.composite
def _cases(draw: st.DrawFn) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], float | None]:
    k, n = draw(st.integers(2, 8)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    p = rng.dirichlet(np.full(k, 0.5), n).astype(np.float32)
    return p, rng.uniform(0.01, 0.99, k).astype(np.float32), draw(st.sampled_from([None, 0.5, 0.9]))


@given(case=_cases())
@settings(max_examples=100, deadline=None)
def test_decide_is_the_rule_written_out(case: tuple[npt.NDArray[Any], npt.NDArray[Any], float | None]):
    """Every row agrees with a plain loop over the rule."""
    p, thresholds, ambiguous_ratio = case
    decided = _policy(thresholds, ambiguous_ratio=ambiguous_ratio).decide(p)
    for i, row in enumerate(p):
        ratios = {k: row[k] / t for k, t in enumerate(thresholds) if row[k] >= t}
        assert set(np.flatnonzero(decided.flags[i])) == set(ratios)
        first, *rest = sorted(ratios.values(), reverse=True) or [None]
        expected = next((k for k, ratio in ratios.items() if ratio == first), -1)
        close = bool(ambiguous_ratio and rest and rest[0] > np.float32(ambiguous_ratio) * first)
        assert decided.label[i] == expected
        assert DECISIONS[decided.decision[i]] == (
            "no_class_passes" if not ratios else "ambiguous" if close else "accepted"
        )


@given(case=_cases(), seed=st.integers(0, 1_000))
@settings(max_examples=50, deadline=None)
def test_the_order_of_classes_does_not_matter(
    case: tuple[npt.NDArray[Any], npt.NDArray[Any], float | None], seed: int
):
    """The same classes in another order give the same labels, decisions and counts."""
    p, thresholds, ambiguous_ratio = case
    k = len(thresholds)
    order = np.random.default_rng(seed).permutation(k)
    plain = _policy(thresholds, ambiguous_ratio=ambiguous_ratio).decide(p)
    # rarity keeps ranking the same classes, so that even ties are decided alike
    places = tuple(int(np.flatnonzero(order == c)[0]) for c in range(k))
    moved = _policy(thresholds[order], ambiguous_ratio=ambiguous_ratio, rarity=places).decide(p[:, order])
    named = np.where(moved.label < 0, -1, order[moved.label])
    assert (named == plain.label).all()
    assert (moved.decision == plain.decision).all()
    assert (moved.flags == plain.flags[:, order]).all()


@given(case=_cases())
@settings(max_examples=50, deadline=None)
def test_a_decision_does_not_depend_on_the_rows_beside_it(
    case: tuple[npt.NDArray[Any], npt.NDArray[Any], float | None],
):
    """One item alone is decided as in a batch, and counts of parts sum to those of the whole."""
    p, thresholds, ambiguous_ratio = case
    policy = _policy(thresholds, ambiguous_ratio=ambiguous_ratio)
    whole, parts = policy.decide(p), [policy.decide(p[i : i + 1]) for i in range(len(p))]
    assert whole.label.tolist() == [int(part.label[0]) for part in parts]
    assert whole.decision.tolist() == [int(part.decision[0]) for part in parts]
    counts = whole.counts(len(thresholds))
    assert counts.dtype == np.int64
    assert (counts == sum(part.counts(len(thresholds)) for part in parts)).all()
    assert counts.sum() == len(whole) == len(p)


def test_types_are_those_the_recorder_expects():
    """Fixed dtypes, whatever came in."""
    decided = _policy([0.5, 0.5]).decide(_rows([0.5, 0.5]))
    found = [str(a.dtype) for a in (decided.flags, decided.label, decided.decision, decided.top)]
    assert found == ["bool", "int32", "int8", "int32"]


def test_json_round_trip_decides_the_same():
    """A policy read back from policy.json is the same policy."""
    policy = _policy([0.1, 0.3, 0.7], ambiguous_ratio=0.9, rarity=(2, 0, 1))
    content = canonical_json(policy.to_json())
    again = Policy.from_json(json.loads(content))
    assert canonical_json(again.to_json()) == content
    p = np.random.default_rng(0).dirichlet(np.ones(3), 200).astype(np.float32)
    assert (again.decide(p).label == policy.decide(p).label).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": ["a", "c"]}, "thresholds are for a, b"),
        ({"delta": 0.9}, "delta"),
        ({"calibration_sha256": "xyz"}, "calibration_sha256"),
        ({"ambiguous_ratio": 1.5}, "ambiguous_ratio"),
        ({"rarity": [0, 0]}, "rarity"),
        ({"thresholds": [{}]}, "malformed"),
        ({"thresholds": None}, "malformed"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_malformed_file_is_refused_by_name(change: dict[str, Any], said: str):
    """The error says what is wrong and what is expected."""
    valid = _policy([0.1, 0.2], names=["a", "b"]).to_json()
    with pytest.raises(ValueError, match=said):
        Policy.from_json({**valid, **change})


@pytest.mark.parametrize("threshold", [-0.1, 1.5, 0.1, float("nan")])
def test_a_threshold_that_is_no_float32_in_range_is_refused(threshold: float):
    """A double such as 0.1 would compare differently than it was fitted."""
    valid = _policy([0.25, 0.5], names=["a", "b"]).to_json()
    valid["thresholds"][0]["threshold"] = threshold
    with pytest.raises(ValueError, match="float32"):
        Policy.from_json(valid)
