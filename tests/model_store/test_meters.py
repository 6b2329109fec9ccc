"""Tests of `model_store.meters`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.bundles.canonical import canonical_json
from model_store.joint_cells import JointCells
from model_store.meters import (
    MASS_UNIT,
    MOST_MASSES,
    ORIGINS,
    REPEAT,
    Batch,
    CutMeter,
    JointMeter,
    LabelMeter,
    MassMeter,
    Meters,
    OriginMeter,
    ScoreMeter,
    UniqueMeter,
    meters_of,
)
from model_store.model import Model, load_model
from model_store.policy import Decisions
from model_store.readings import MISSING
from tests.support.bundles import tiny_item, write_tiny

FIXTURES = Path(__file__).parent / "fixtures"


def decided(probabilities: np.ndarray, *, decision: int = 0) -> Decisions:
    """What a policy of one threshold of a half says, with the same decision for all."""
    top = probabilities.argmax(axis=1).astype(np.int32)
    kinds = np.full(len(top), decision, np.int8)
    return Decisions(probabilities, probabilities >= 0.5, top.copy(), kinds, top)


def batch(probabilities: Any, **parts: Any) -> Batch:
    """Some decided items."""
    probabilities = np.asarray(probabilities, np.float32)
    decision = parts.pop("decision", 0)
    return Batch(decided(probabilities, decision=decision), scores=probabilities.max(axis=1), **parts)


@settings(max_examples=50, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 20), max_size=6, unique=True).map(sorted),
    values=st.lists(st.integers(-5, 25), max_size=40),
)
def test_cumulative_counts_are_the_items_not_above_each_cut(cuts: list[int], values: list[int]):
    """What the drift of a number is tested on follows from the bins by adding."""
    meter = CutMeter("length", "inputs:length", "characters", np.array(cuts, np.float64))
    items = batch(np.full((len(values), 2), 0.5), readings={"length": np.array(values, np.float64)})
    bins = meter.count(items)
    assert bins.sum() == len(values)
    assert np.cumsum(bins)[:-1].tolist() == [sum(value <= cut for value in values) for cut in cuts]


def test_items_that_lack_the_number_are_alone_in_the_first_bin():
    """They are the first column to be tested, and counted in all others."""
    meter = CutMeter("feature:age", "inputs:age", "age", np.array([MISSING, 18, 65]))
    items = batch(np.ones((4, 2)), readings={"feature:age": np.array([MISSING, 18, 70, MISSING])})
    assert meter.count(items).tolist() == [2, 1, 0, 1]
    said = meter.to_json()
    assert said["columns"] == ["age missing", "age missing or <= 18", "age missing or <= 65"]
    assert said["cuts"] == [None, 18, 65]


def test_the_score_is_the_top_probability():
    """Its cuts are float32, as probabilities are."""
    meter = ScoreMeter("score", "scores", "top probability", np.array([0.6, 0.9], np.float32))
    items = batch([[0.6, 0.4], [0.05, 0.95], [0.3, 0.7]])
    assert meter.count(items).tolist() == [1, 1, 1]
    assert meter.to_json()["columns"] == ["top probability <= 0.6", "top probability <= 0.9"]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.sampled_from([0, 1, 7, 1_024, 2_500]))
def test_masses_are_exact_sums_of_rounded_probabilities(seed: int, n: int):
    """However many items at once; a sum of floats would depend on how they were grouped."""
    probabilities = np.random.default_rng(seed).dirichlet([0.3, 1, 5], n).astype(np.float32)
    expected = [sum(round(float(p) * MASS_UNIT) for p in column) for column in probabilities.T]
    meter = MassMeter(("a", "b", "c"))
    assert meter.count(batch(probabilities) if n else _none(3)).tolist() == expected
    ones = np.ones((n, 3), np.float32)
    assert (meter.count(Batch(decided(ones), scores=ones[:, 0])) == n * MASS_UNIT).all()


def _none(k: int) -> Batch:
    empty = np.zeros((0, k), np.float32)
    return Batch(decided(empty), scores=np.zeros(0, np.float32))


def test_joint_counts_items_per_class_and_confidence():
    """One cell more than a class has cuts."""
    meter = JointMeter(JointCells(((0.7,), ())))
    assert meter.count(batch([[0.6, 0.4], [0.8, 0.2], [0.9, 0.1], [0.1, 0.9]])).tolist() == [1, 2, 1]
    assert meter.to_json()["class_cuts"] == [[0.7], []]


def test_labels_are_counted_at_a_half_whatever_the_thresholds():
    """The items themselves come last: each label is a share of them."""
    items = batch([[0.5, 0.9], [0.49, 0.6], [0.1, 0.2]])
    assert LabelMeter(("a", "b")).count(items).tolist() == [1, 2, 3]


def test_repeats_are_counted_once():
    """Of several labels the label counts, else the categories of drift."""
    origins = np.array([0, REPEAT, 2, 3], np.int8)
    items = batch([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], origins=origins)
    assert UniqueMeter(("a", "b"), multilabel=False).count(items).tolist() == [1, 2, 0]
    assert UniqueMeter(("a", "b"), multilabel=True).count(items).tolist() == [1, 2, 3]
    assert OriginMeter().count(items).tolist() == [1, 1, 1, 1]
    unclear = batch([[0.6, 0.4]], origins=origins[:1], decision=2)
    assert UniqueMeter(("a", "b"), multilabel=False).count(unclear).tolist() == [0, 0, 1]


def test_what_nobody_looked_for_is_not_counted():
    """Without origins a count of unique items would be a guess."""
    with pytest.raises(ValueError, match="nobody knows"):
        UniqueMeter(("a", "b"), multilabel=False).count(batch([[0.6, 0.4]]))


def _inputs(model: Model) -> list[Any]:
    if model.input_kind == "text":
        return ["billing please", "login", "nothing known at all"]
    return [tiny_item("billing", amount=1.5), tiny_item("login"), tiny_item("delivery", amount=-2.0)]


def _counted(model: Model, meters: Meters) -> dict[str, np.ndarray]:
    inputs = _inputs(model)
    decisions = model.decide(inputs)
    items = Batch(
        decisions,
        scores=decisions.probabilities.max(axis=1),
        readings={each.name: np.array(each.read(inputs), np.float64) for each in meters.readings},
        origins=np.zeros(len(inputs), np.int8),
    )
    return {meter.name: meter.count(items) for meter in meters.meters}


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("text", {"length", "unknown"}),
        ("features", {"feature:amount"}),
        ("multilabel", {"length", "unknown", "labels"}),
    ],
)
def test_a_bundle_says_what_is_measured_of_its_traffic(tmp_path: Path, kind: Any, own: set[str]):
    """Every vector is as long as the measures say, through JSON and back; each item is in one bin."""
    write_tiny(tmp_path / "bundle", kind=kind)
    model = load_model(tmp_path / "bundle")
    meters = meters_of(model)
    measures = json.loads(canonical_json(meters.to_json()))
    assert measures == meters.to_json()
    assert measures.keys() == own | {"score", "joint", "mass", "unique", "deduplicated"}
    counted = _counted(model, meters)
    for name, said in measures.items():
        assert counted[name].shape == (said["length"],), name
        assert counted[name].dtype == np.int64
        if said["kind"] == "cuts":
            assert len(said["columns"]) == len(said["cuts"]) == said["length"] - 1
        if said["kind"] in ("cuts", "cells", "mix"):
            assert counted[name].sum() == 3


@pytest.mark.parametrize("fixture", ["format_1", "format_2", "format_2_labels"])
def test_a_bundle_of_an_earlier_format_has_no_meters_of_its_inputs(fixture: str):
    """Nobody noted what the inputs of its validation rows looked like; its answers are measured."""
    meters = meters_of(load_model(FIXTURES / fixture / "bundle"))
    assert meters.readings == ()
    assert {"score", "joint", "mass", "unique"} <= meters.to_json().keys()


def test_without_deduplication_nothing_is_said_of_repeats(tiny_model: Model):
    """A setting of the operator."""
    assert not {"unique", "deduplicated"} & meters_of(tiny_model, deduplicated=False).to_json().keys()


@pytest.mark.parametrize("more", [0, 1])
def test_very_many_classes_have_no_masses(tmp_path: Path, more: int):
    """They would be most of what is stored."""
    write_tiny(tmp_path / "bundle", k=MOST_MASSES + more)
    measures = meters_of(load_model(tmp_path / "bundle")).to_json()
    assert ("mass" in measures) == (more == 0)


def test_the_names_of_origins_are_columns():
    """What a person reads beside the numbers."""
    assert OriginMeter().to_json()["columns"] == list(ORIGINS)
