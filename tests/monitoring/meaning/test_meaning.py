"""What a drift means, from counts to JSON."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.promises.thresholds import Target
from model_store.shift_reference import build_shift_reference
from monitoring.meaning.meaning import MIN_ITEMS, meaning_of
from tests.support.shifts import Answered, finding_of, made_up, meters_of, policy_of

OLD, NEW = [0.05, 0.35, 0.6], [0.2, 0.3, 0.5]
TARGETS = (Target("class0", recall=0.7), Target("class2", precision=0.8))
KEYS = {
    "items",
    "effective_items",
    "withheld",
    "method",
    "classes",
    "none_of_them",
    "agreement",
    "gate",
    "expected",
    "expected_is",
    "expected_withdrawn",
    "claims",
    "caveats",
    "seed",
    "verdict",
}


@pytest.fixture(scope="module")
def rows() -> Answered:
    """Return 3,000 validation rows."""
    return made_up(3_000, OLD, seed=1)


@pytest.fixture(scope="module")
def meant(rows: Answered) -> Callable[..., dict[str, Any]]:
    """Return a function from live items, or their meters, to their meaning."""
    reference = build_shift_reference(rows.probabilities, rows.labels, rows.classes)
    policy = policy_of(rows, TARGETS)

    def ask(live: Answered | dict[str, Any], finding: Any = None, **options: Any) -> dict[str, Any]:
        meters = meters_of(rows.probabilities, live.probabilities) if isinstance(live, Answered) else live
        return meaning_of(reference, policy, meters, finding, **({"seed": 0} | options))

    return ask


def moved(n: int = 2_000, **options: Any) -> Answered:
    """Return live items of another mix."""
    return made_up(n, NEW, calibrated_at=OLD, seed=2, **options)


def test_a_moved_mix_is_explained(meant: Callable[..., dict[str, Any]]):
    """New priors that hold the truth, a gate that passes, expectations and what becomes of the claims."""
    found = meant(moved(), finding_of("class0"), at=60_000.0)
    assert set(found) == KEYS
    for each, share in zip(found["classes"], NEW, strict=True):
        assert each["low"] <= share <= each["high"]
        assert each["second"]["low"] <= share <= each["second"]["high"]
    assert found["agreement"] == {"agree": True, "differ": []}
    assert found["gate"]["passed"] is True
    assert [each["class"] for each in found["expected"]] == ["class0", "class1", "class2"]
    standing = {each["class"]: (each["recall"], each["precision"]) for each in found["claims"]}
    assert standing["class0"] == ("stands", None)
    assert standing["class2"] == (None, "optimistic")
    assert "consistent with more class0 rather than a new vocabulary" in found["verdict"]


def test_items_that_look_different_withdraw_everything(meant: Callable[..., dict[str, Any]]):
    """Estimates of performance are gone and every claim is stale."""
    found = meant(moved(blurred=0.5), finding_of("class0"))
    assert found["gate"]["passed"] is False
    assert found["expected"] is None
    assert "does not explain" in found["expected_withdrawn"]
    assert {each["recall"] or each["precision"] for each in found["claims"]} == {"stale"}
    assert "every claim is stale" in found["verdict"]


def test_it_is_plain_json(meant: Callable[..., dict[str, Any]]):
    """What is read back is what was written, and there is no NaN."""
    found = meant(moved(), finding_of("class0"))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_same_counts_and_seed_give_the_same_answer(meant: Callable[..., dict[str, Any]]):
    """To the last bit; another seed moves the intervals a little."""
    assert meant(moved(), seed=5) == meant(moved(), seed=5)
    one, other = (meant(moved(), seed=seed)["classes"][0] for seed in (5, 6))
    assert one["estimate"] == other["estimate"]
    assert one["low"] == pytest.approx(other["low"], abs=0.02)


def test_too_few_items_say_nothing(meant: Callable[..., dict[str, Any]]):
    """There are no priors, and the sentence tells how many items it takes."""
    found = meant(moved(MIN_ITEMS - 1), finding_of("class0"))
    assert found["classes"] == []
    assert f"{MIN_ITEMS - 1} items are too few" in found["verdict"]
    assert found["claims"] == []


def test_repeats_are_not_counted_as_evidence(meant: Callable[..., dict[str, Any]], rows: Answered):
    """Of 2,000 items with 500 different ids 500 count, and intervals are wider."""
    meters = meters_of(rows.probabilities, moved().probabilities)
    repeated = meant(meters | {"deduplicated": np.array([500, 1_500, 0, 0])})
    assert repeated["effective_items"] == 500
    assert meant(meters, dispersion=4.0)["effective_items"] == 500
    plain = meant(meters)["classes"][2]
    wider = repeated["classes"][2]
    assert wider["high"] - wider["low"] > plain["high"] - plain["low"]


@pytest.mark.parametrize(
    ("meters", "why"),
    [({}, "not counted"), ({"joint": np.full(7, 100)}, "7 counts came with these items, 12 fit")],
    ids=["no meters", "those of another bundle"],
)
def test_meters_that_do_not_fit_are_told(
    meant: Callable[..., dict[str, Any]], meters: dict[str, Any], why: str
):
    """An older worker measured nothing, or something else; that is no error."""
    found = meant(meters, finding_of("class0"))
    assert set(found) == KEYS
    assert why in found["withheld"]
    assert why in found["verdict"]


def test_without_the_sums_there_is_one_estimate(meant: Callable[..., dict[str, Any]], rows: Answered):
    """Nothing to compare it with, and that is told."""
    meters = meters_of(rows.probabilities, moved().probabilities)
    del meters["mass"]
    found = meant(meters)
    assert found["agreement"] is None
    assert found["classes"][0]["second"] is None
    assert "only one estimate" in found["caveats"][0]


def test_next_to_no_validation_rows_judge_nothing():
    """Two rows have a mixture, but no test of its fit."""
    rows = made_up(2, [0.5, 0.5], seed=8)
    reference = build_shift_reference(rows.probabilities, rows.labels, rows.classes)
    live = made_up(500, [0.5, 0.5], seed=9)
    found = meaning_of(
        reference, policy_of(rows), meters_of(rows.probabilities, live.probabilities), None, seed=0
    )
    assert (found["gate"]["passed"], found["expected"], found["claims"]) == (None, None, [])
    assert "cannot be tested" in found["expected_withdrawn"]


def test_rows_of_no_class_are_a_share_of_their_own():
    """They are told beside the classes."""
    rows = made_up(3_000, OLD, seed=3)
    labels = np.where(rows.labels == 1, -1, rows.labels)
    reference = build_shift_reference(rows.probabilities, labels, rows.classes)
    live = made_up(2_000, NEW, calibrated_at=OLD, seed=4)
    found = meaning_of(
        reference, policy_of(rows), meters_of(rows.probabilities, live.probabilities), None, seed=0
    )
    assert found["none_of_them"]["low"] <= NEW[1] <= found["none_of_them"]["high"]
    assert [each["class"] for each in found["classes"]] == list(rows.classes)
    assert found["agreement"] is None


def test_rows_that_are_no_sample_are_told(rows: Answered):
    """Chosen by score, items of a class may look different from those of traffic."""
    reference = build_shift_reference(rows.probabilities, rows.labels, rows.classes, sample=False)
    found = meaning_of(
        reference, policy_of(rows), meters_of(rows.probabilities, moved().probabilities), None, seed=0
    )
    assert "no sample of traffic" in found["caveats"][0]


def test_several_labels_have_shares_but_no_test_of_fit():
    """Two estimates a label; nothing is judged, and the reason is told."""
    rows = made_up(2_000, OLD, seed=5)
    labels = np.eye(3, dtype=np.bool_)[rows.labels]
    reference = build_shift_reference(rows.probabilities, labels, rows.classes)
    live = moved().probabilities
    meters = {
        "labels": np.append((live >= 0.5).sum(axis=0), len(live)),
        "mass": np.rint(live.astype(np.float64) * 2**20).astype(np.int64).sum(axis=0),
    }
    found = meaning_of(reference, policy_of(rows), meters, finding_of("class0"), seed=0)
    assert set(found) == KEYS
    assert found["method"] == "bbse"
    assert found["classes"][0]["low"] <= NEW[0] <= found["classes"][0]["high"]
    assert found["gate"]["passed"] is None
    assert found["claims"] == []
    assert "cannot be tested" in found["verdict"]
    assert "not counted by label" in meaning_of(reference, policy_of(rows), {}, None, seed=0)["withheld"]


@settings(max_examples=25)
@given(counts=st.lists(st.integers(0, 400), min_size=12, max_size=12))
def test_any_counts_have_a_meaning(meant: Callable[..., dict[str, Any]], counts: list[int]):
    """Whatever comes, shares lie in their intervals and sum to 1, and nothing warns."""
    found = meant({"joint": np.array(counts, np.int64)})
    if found["withheld"] is None:
        assert sum(each["estimate"] for each in found["classes"]) == pytest.approx(1)
        assert all(0 <= each["low"] <= each["estimate"] <= each["high"] <= 1 for each in found["classes"])
    json.dumps(found, allow_nan=False)


@pytest.mark.slow
def test_150_classes_have_a_meaning():
    """With 20,000 validation rows and traffic of the same mix most shares lie in their intervals."""
    mix = np.full(150, 1 / 150)
    rows = made_up(20_000, mix, seed=6, apart=4.0)
    reference = build_shift_reference(rows.probabilities, rows.labels, rows.classes)
    policy = policy_of(rows)
    meters = meters_of(rows.probabilities, made_up(3_000, mix, seed=7, apart=4.0).probabilities)
    found = meaning_of(reference, policy, meters, None, seed=0)
    assert found["withheld"] is None
    held = [each["low"] <= 1 / 150 <= each["high"] for each in found["classes"]]
    assert len(held) == 150
    assert sum(held) >= 135
