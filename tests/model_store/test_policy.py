"""Tests of `model_store.policy`."""

import json
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.bundles.canonical import canonical_json
from model_store.costs import Costs
from model_store.policy import ABSTAINED, ACCEPTED, AMBIGUOUS, DECISIONS, NO_CLASS_PASSES, Policy, joined
from model_store.promises.thresholds import ClassThreshold, Interval, Target

SHA = "0" * 64


def _policy(
    thresholds: list[float] | npt.NDArray[np.float32],
    *,
    names: list[str] | None = None,
    review_from: dict[int, float] | None = None,
    **more: Any,
) -> Policy:
    names = names or [f"c{k}" for k in range(len(thresholds))]
    claim = Interval(1.0, 0.8)
    lower = {k: float(np.float32(low)) for k, low in (review_from or {}).items()}
    return Policy(
        classes=tuple(names),
        thresholds=tuple(
            ClassThreshold(
                name,
                float(np.float32(t)),
                "certified",
                Target(name, 0.8),
                {},
                claim,
                claim,
                review_from=lower.get(k),
            )
            for k, (name, t) in enumerate(zip(names, thresholds, strict=True))
        ),
        delta=0.1,
        calibration_sha256=SHA,
        **more,
    )


def _costs(k: int, *, seed: int, review: float | None = None) -> Costs:
    matrix = np.random.default_rng(seed).uniform(0, 9, (k, k))
    np.fill_diagonal(matrix, 0)
    return Costs(tuple(f"c{i}" for i in range(k)), matrix, review)


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


def test_between_its_two_thresholds_a_class_leaves_the_item_to_a_person():
    """From review_from up to the threshold; whatever other flag there is, it stays beside it as the label."""
    policy = _policy([0.6, 0.3, 0.9], review_from={0: 0.4})
    rows = _rows([0.6, 0.2, 0.2], [0.55, 0.25, 0.2], [0.4, 0.35, 0.25], [0.39, 0.33, 0.28])
    decided = policy.decide(rows)
    assert [DECISIONS[each] for each in decided.decision] == [
        "accepted",
        "abstained",
        "abstained",
        "accepted",
    ]
    assert decided.label.tolist() == [0, -1, 1, 1]
    assert decided.flags[:, 0].tolist() == [True, False, False, False]
    assert decided.categories(3).tolist() == [0, 0, 0, 0]


def test_abstaining_outweighs_ambiguity_and_no_class():
    """One reason is given, the one that its owner asked for."""
    policy = _policy([0.6, 0.2, 0.2], review_from={0: 0.3}, ambiguous_ratio=0.9)
    decided = policy.decide(_rows([0.35, 0.33, 0.32], [0.29, 0.36, 0.35]))
    assert decided.decision.tolist() == [ABSTAINED, AMBIGUOUS]


def test_the_first_listed_class_that_is_flagged_is_the_label():
    """Whatever its ratio and however close another; where no listed class is flagged the ratio decides."""
    policy = _policy([0.2, 0.2, 0.2, 0.9], rule="priority", priority=("c2", "c0"), ambiguous_ratio=0.9)
    decided = policy.decide(
        _rows([0.3, 0.5, 0.2, 0.0], [0.48, 0.5, 0.02, 0.0], [0.1, 0.8, 0.1, 0.0], [0.1, 0.1, 0.1, 0.7])
    )
    assert decided.label.tolist() == [2, 0, 1, -1]
    assert decided.decision.tolist() == [ACCEPTED, ACCEPTED, ACCEPTED, NO_CLASS_PASSES]


def test_costs_make_the_label_and_thresholds_the_flags():
    """The cheapest answer need not be flagged, and an item no class passes is answered all the same."""
    costs = Costs(("c0", "c1"), np.array([[0.0, 1.0], [20.0, 0.0]]))
    decided = _policy([0.5, 0.5], rule="costs", costs=costs).decide(_rows([0.9, 0.1], [0.99, 0.01]))
    assert decided.label.tolist() == [1, 0]
    assert decided.flags.tolist() == [[True, False], [True, False]]
    nothing = _policy([0.95, 0.95], rule="costs", costs=costs).decide(_rows([0.9, 0.1]))
    assert (nothing.label.tolist(), nothing.decision.tolist()) == ([1], [ACCEPTED])


def test_an_item_whose_every_answer_costs_more_than_a_review_is_left_to_a_person():
    """The cheapest answer stays beside it; costs as much as a review it is accepted."""
    costs = Costs(("c0", "c1"), np.array([[0.0, 1.0], [1.0, 0.0]]), review=0.25)
    decided = _policy([0.5, 0.5], rule="costs", costs=costs).decide(
        _rows([0.7, 0.3], [0.75, 0.25], [0.2, 0.8])
    )
    assert decided.decision.tolist() == [ABSTAINED, ACCEPTED, ACCEPTED]
    assert decided.label.tolist() == [0, 0, 1]


def test_with_several_labels_an_item_the_flags_are_the_answer():
    """The label is the one furthest above its threshold; none is no class passing, asked for or not."""
    for require_one in (False, True):
        policy = _policy([0.5, 0.2, 0.9], task="multilabel", require_one=require_one)
        decided = policy.decide(_rows([0.6, 0.5, 0.95], [0.4, 0.1, 0.1]))
        assert decided.flags.tolist() == [[True, True, True], [False, False, False]]
        assert decided.label.tolist() == [1, -1]
        assert decided.decision.tolist() == [ACCEPTED, NO_CLASS_PASSES]
        assert decided.categories(3).tolist() == [2, 3]


def test_one_label_that_an_item_has_or_not_is_decided():
    """A policy of a single class, with a band to review."""
    decided = _policy([0.5], task="multilabel", review_from={0: 0.3}).decide(_rows([0.6], [0.4], [0.2]))
    assert decided.decision.tolist() == [ACCEPTED, ABSTAINED, NO_CLASS_PASSES]
    assert decided.label.tolist() == [0, -1, -1]


Case = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], dict[str, Any]]


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    """Draw probabilities, thresholds, and a policy of any rule, with and without bands to review."""
    k, n = draw(st.integers(2, 8)), draw(st.integers(1, 12))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.5), n).astype(np.float32)
    thresholds = rng.uniform(0.01, 0.99, k).astype(np.float32)
    more: dict[str, Any] = {}
    match draw(st.sampled_from(["ratio", "ambiguous", "priority", "costs", "review", "multilabel"])):
        case "ambiguous":
            more["ambiguous_ratio"] = draw(st.sampled_from([0.5, 0.9]))
        case "priority":
            listed = rng.permutation(k)[: rng.integers(1, k + 1)]
            more |= {"rule": "priority", "priority": tuple(f"c{i}" for i in listed)}
        case "costs" | "review" as rule:
            review = 1.0 if rule == "review" else None
            more |= {"rule": "costs", "costs": _costs(k, seed=seed, review=review)}
        case "multilabel":
            more["task"] = "multilabel"
            p = rng.uniform(0, 1, (n, k)).astype(np.float32)
    if draw(st.booleans()):
        more["review_from"] = {i: float(thresholds[i]) / 2 for i in range(0, k, 2)}
    return p, thresholds, more


def _by_hand(row: npt.NDArray[np.float32], policy: Policy) -> tuple[int, str, set[int]]:
    """Return label, decision and flags of one item as the module describes them."""
    ratios = {
        k: row[k] / np.float32(t.threshold) for k, t in enumerate(policy.thresholds) if row[k] >= t.threshold
    }
    first, *rest = sorted(ratios.values(), reverse=True) or [None]
    label = next((k for k, ratio in ratios.items() if ratio == first), -1)
    close = policy.ambiguous_ratio and rest and rest[0] > np.float32(policy.ambiguous_ratio) * first
    decision = "no_class_passes" if not ratios else "ambiguous" if close else "accepted"
    if listed := [k for name in policy.priority if (k := policy.classes.index(name)) in ratios]:
        label, decision = listed[0], "accepted"
    if policy.costs is not None:
        expected = row.astype(np.float64) @ policy.costs.matrix
        label, decision = int(expected.argmin()), "accepted"
        if policy.costs.review is not None and expected.min() > policy.costs.review:
            decision = "abstained"
    if any(
        t.review_from is not None and t.review_from <= row[k] < t.threshold
        for k, t in enumerate(policy.thresholds)
    ):
        decision = "abstained"
    return label, decision, set(ratios)


@given(case=_cases())
@settings(max_examples=200, deadline=None)
def test_decide_is_the_rule_written_out(case: Case):
    """Every row agrees with a plain loop over the rule."""
    p, thresholds, more = case
    policy = _policy(thresholds, **more)
    decided = policy.decide(p)
    for i, row in enumerate(p):
        label, decision, flags = _by_hand(row, policy)
        assert set(np.flatnonzero(decided.flags[i])) == flags
        assert (decided.label[i], DECISIONS[decided.decision[i]]) == (label, decision)
    assert (decided.top == p.argmax(axis=1)).all()


@given(case=_cases(), seed=st.integers(0, 1_000))
@settings(max_examples=100, deadline=None)
def test_the_order_of_classes_does_not_matter(case: Case, seed: int):
    """The same classes in another order give the same labels, decisions and flags."""
    p, thresholds, more = case
    k = len(thresholds)
    order = np.random.default_rng(seed).permutation(k)
    plain = _policy(thresholds, **more).decide(p)
    # rarity keeps ranking the same classes, so that even ties are decided alike
    places = tuple(int(np.flatnonzero(order == c)[0]) for c in range(k))
    names = [f"c{c}" for c in order]
    moved_more = dict(more)
    if "review_from" in more:
        moved_more["review_from"] = {places[c]: low for c, low in more["review_from"].items()}
    if "costs" in more:
        costs = more["costs"]
        moved_more["costs"] = Costs(tuple(names), costs.matrix[np.ix_(order, order)], costs.review)
    policy = _policy(thresholds[order], names=names, rarity=places, **moved_more)
    moved = policy.decide(np.ascontiguousarray(p[:, order]))
    named = np.where(moved.label < 0, -1, order[moved.label])
    assert (named == plain.label).all()
    assert (moved.decision == plain.decision).all()
    assert (moved.flags == plain.flags[:, order]).all()


@given(case=_cases(), seed=st.integers(0, 1_000))
@settings(max_examples=100, deadline=None)
def test_flags_survive_what_rises_per_class(case: Case, seed: int):
    """Another rising scale of each class, of its probabilities and thresholds, flags the same items."""
    p, thresholds, more = case
    power = np.random.default_rng(seed).uniform(0.3, 3, len(thresholds))
    bent_p, bent = ((each.astype(np.float64) ** power).astype(np.float32) for each in (p, thresholds))
    bands = {k: low ** power[k] for k, low in more.get("review_from", {}).items()}
    decided = _policy(bent, **more | {"review_from": bands}).decide(bent_p)
    # rounding to float32 turns no order, but it may make equal what was not: those rows are left out
    exact = ((bent_p == bent) <= (p == thresholds)).all(axis=1)
    assert (decided.flags == _policy(thresholds, **more).decide(p).flags)[exact].all()
    assert exact.any()


@given(case=_cases())
@settings(max_examples=100, deadline=None)
def test_a_decision_does_not_depend_on_the_rows_beside_it(case: Case):
    """One item alone is decided as in a batch, and counts of parts sum to those of the whole."""
    p, thresholds, more = case
    policy = _policy(thresholds, **more)
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


@pytest.mark.parametrize(
    "more",
    [
        {"ambiguous_ratio": 0.9, "rarity": (2, 0, 1)},
        {"rule": "priority", "priority": ("c2", "c0"), "review_from": {1: 0.1}},
        {"rule": "costs", "costs": _costs(3, seed=1, review=2.0)},
        {"task": "multilabel", "require_one": True},
    ],
    ids=["ratio", "priority", "costs", "multilabel"],
)
def test_json_round_trip_decides_the_same(more: dict[str, Any]):
    """A policy read back from policy.json is the same policy."""
    policy = _policy([0.1, 0.3, 0.7], **more)
    content = canonical_json(policy.to_json())
    again = Policy.from_json(json.loads(content))
    assert canonical_json(again.to_json()) == content
    p = np.random.default_rng(0).dirichlet(np.ones(3), 200).astype(np.float32)
    assert (again.decide(p).label == policy.decide(p).label).all()
    assert (again.decide(p).decision == policy.decide(p).decision).all()


def test_a_file_of_format_1_is_read_as_it_was_meant():
    """One label an item, the largest ratio, and nothing to abstain from."""
    new = _policy([0.1, 0.2], names=["a", "b"]).to_json()
    old = {key: new[key] for key in ("classes", "delta", "calibration_sha256", "rarity", "thresholds")}
    policy = Policy.from_json({**old, "ambiguous_ratio": 0.8})
    assert (policy.task, policy.rule, policy.costs, policy.priority) == ("binary", "ratio", None, ())
    assert not policy.require_one
    assert Policy.from_json(policy.to_json()).to_json() == policy.to_json()


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
        ({"task": "ranking"}, "task 'ranking'"),
        ({"rule": "vote"}, "rule 'vote'"),
        ({"rule": "costs"}, "costs: expected exactly with the rule costs"),
        ({"rule": "priority"}, "priority: expected exactly with the rule priority"),
        ({"priority": ["a"]}, "priority: expected exactly with the rule priority"),
        ({"rule": "priority", "priority": ["z"]}, "'z' is not among a, b"),
        ({"rule": "priority", "priority": ["a", "a"]}, "at most once"),
        ({"costs": {"matrix": [[0, 1], [1, 0]], "review": None}}, "exactly with the rule costs"),
        ({"rule": "costs", "costs": {"matrix": [[0, -1], [1, 0]], "review": None}}, "costs -1"),
        ({"task": "multilabel", "ambiguous_ratio": 0.9}, "flags are the answer"),
        ({"task": "multilabel", "rule": "priority", "priority": ["a"]}, "flags are the answer"),
        ({"require_one": True}, "require_one: expected only with several labels"),
        ({"require_one": 1, "task": "multilabel"}, "true or false"),
    ],
)
def test_a_malformed_file_is_refused_by_name(change: dict[str, Any], said: str):
    """The error says what is wrong and what is expected."""
    valid = _policy([0.1, 0.2], names=["a", "b"]).to_json()
    with pytest.raises(ValueError, match=said):
        Policy.from_json({**valid, **change})


@pytest.mark.parametrize("low", [0.5, 0.75, 0.1, -0.25, float("nan")])
def test_a_band_that_does_not_end_at_its_threshold_is_refused(low: float):
    """It must begin below the threshold, at a float32."""
    valid = _policy([0.5, 0.5], names=["a", "b"]).to_json()
    valid["thresholds"][0]["review_from"] = low
    with pytest.raises(ValueError, match="review_from of 'a'"):
        Policy.from_json(valid)


def test_costs_of_other_classes_are_refused():
    """Also of the same ones in another order, in which the matrix would be misread."""
    with pytest.raises(ValueError, match="costs are for c0, c1; expected b, a"):
        _policy([0.1, 0.2], names=["b", "a"], rule="costs", costs=_costs(2, seed=0))


@pytest.mark.parametrize("threshold", [-0.1, 1.5, 0.1, float("nan")])
def test_a_threshold_that_is_no_float32_in_range_is_refused(threshold: float):
    """A double such as 0.1 would compare differently than it was fitted."""
    valid = _policy([0.25, 0.5], names=["a", "b"]).to_json()
    valid["thresholds"][0]["threshold"] = threshold
    with pytest.raises(ValueError, match="float32"):
        Policy.from_json(valid)


@pytest.mark.parametrize("order", ["C", "F"], ids=["rows in a row", "columns in a row"])
def test_decisions_joined_are_the_decisions_of_all(order: Literal["C", "F"]) -> None:
    """However the rows of a part lie in memory, and however many there are."""
    policy, random = _policy([0.3, 0.4, 0.5], ambiguous_ratio=0.9), np.random.default_rng(1)
    parts = [random.dirichlet(np.ones(3), n).astype(np.float32) for n in (1, 4, 1, 2)]
    together = joined([policy.decide(np.asarray(part, order=order)) for part in parts])
    expected = policy.decide(np.concatenate(parts))
    for name in ("probabilities", "flags", "label", "decision", "top"):
        found, wanted = getattr(together, name), getattr(expected, name)
        assert (found == wanted).all()
        assert found.dtype == wanted.dtype
