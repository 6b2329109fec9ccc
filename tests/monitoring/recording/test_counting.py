"""Counting all items at once equals counting one by one, and any split of them adds up."""

from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.joint_cells import JointCells
from model_store.meters import (
    MASS_UNIT,
    ORIGINS,
    REPEAT,
    Batch,
    Counts,
    CutMeter,
    JointMeter,
    LabelMeter,
    MassMeter,
    Meter,
    OriginMeter,
    ScoreMeter,
    UniqueMeter,
)
from model_store.policy import NO_CLASS_PASSES, Decisions
from monitoring.recording.counting import N_DECISIONS, SCORE_BINS, Counted, count, nothing

K = 4
CLASSES = tuple("abcd")
SCORE_CUTS = np.array([0.3, 0.5, 0.9], np.float32)
LENGTH_CUTS = np.array([-np.inf, 2.0, 5.0])
JOINT_CUTS = ((0.4, 0.6), (), (0.5,), (0.3, 0.5, 0.7))


def meters(*, multilabel: bool) -> list[Meter]:
    """One of every kind."""
    return [
        ScoreMeter("score", "scores", "top probability", SCORE_CUTS),
        CutMeter("length", "inputs:length", "characters", LENGTH_CUTS),
        JointMeter(JointCells(JOINT_CUTS)),
        MassMeter(CLASSES),
        LabelMeter(CLASSES),
        UniqueMeter(CLASSES, multilabel),
        OriginMeter(),
    ]


def random_items(seed: int, n: int, *, multilabel: bool) -> Batch:
    """Items with decisions that need not go together, some of them on the edges of bins."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(K, 0.3), n).astype(np.float32)
    edges = rng.random(n) < 0.3
    probabilities[edges, 0] = rng.choice(np.array([0.3, 0.5, 0.9, 0.95, 1.0], np.float32), edges.sum())
    top = probabilities.argmax(axis=1).astype(np.int32)
    flags = rng.random((n, K)) < (0.4 if multilabel else 0.2)
    decisions = Decisions(
        probabilities=probabilities,
        flags=flags,
        label=rng.integers(-1, K, n).astype(np.int32),
        decision=rng.integers(0, N_DECISIONS, n).astype(np.int8),
        top=top,
    )
    lengths = rng.integers(0, 8, n).astype(np.float64)
    lengths[rng.random(n) < 0.2] = -np.inf
    return Batch(
        decisions,
        scores=probabilities[np.arange(n), top],
        readings={"length": lengths},
        origins=rng.integers(0, len(ORIGINS), n).astype(np.int8),
    )


def part(items: Batch, rows: slice) -> Batch:
    """Some of the items."""
    d = items.decisions
    assert items.origins is not None
    return Batch(
        Decisions(d.probabilities[rows], d.flags[rows], d.label[rows], d.decision[rows], d.top[rows]),
        scores=items.scores[rows],
        readings={name: values[rows] for name, values in items.readings.items()},
        origins=items.origins[rows],
    )


def naive(items: Batch, *, multilabel: bool) -> Counted:
    """Count one item after the other, cell by cell."""
    n_cells = sum(len(cuts) + 1 for cuts in JOINT_CUTS)
    sizes = {"score": 4, "length": 4, "joint": n_cells, "mass": K, "labels": K + 1, "unique": K + 1}
    counted = nothing(K)
    answers = counted.answers.copy()
    found: dict[str, Counts] = {name: np.zeros(size, np.int64) for name, size in sizes.items()}
    found["deduplicated"] = np.zeros(len(ORIGINS), np.int64)
    decisions, origins = items.decisions, items.origins
    assert origins is not None
    for row in range(len(items.scores)):
        p = decisions.probabilities[row]
        top, kind, label = int(decisions.top[row]), int(decisions.decision[row]), int(decisions.label[row])
        score, length = items.scores[row], items.readings["length"][row]
        counted.counts[top, kind] += 1
        named = np.flatnonzero(decisions.flags[row]).tolist() if multilabel else [label] * (label >= 0)
        for each in named or [top]:
            answers[each, kind] += 1
        counted.score_bins[top, min(int(float(score) * SCORE_BINS), SCORE_BINS - 1)] += 1
        found["score"][sum(score > cut for cut in SCORE_CUTS)] += 1
        found["length"][sum(length > cut for cut in LENGTH_CUTS)] += 1
        before = sum(len(cuts) + 1 for cuts in JOINT_CUTS[:top])
        found["joint"][before + sum(score > np.float32(cut) for cut in JOINT_CUTS[top])] += 1
        found["mass"] += [round(float(each) * MASS_UNIT) for each in p]
        labels = [*(int(each >= 0.5) for each in p), 1]
        found["labels"] += labels
        found["deduplicated"][origins[row]] += 1
        if origins[row] != REPEAT:
            category = np.zeros(K + 1, np.int64)
            category[K if kind == NO_CLASS_PASSES else top] = 1
            found["unique"] += labels if multilabel else category
    return Counted(counted.counts, answers, counted.score_bins, found, 0)


def plain(counted: Counted) -> dict[str, object]:
    """As lists, which compare."""
    lists = {name: counts.tolist() for name, counts in counted.meters.items()}
    tables = (counted.counts.tolist(), counted.answers.tolist(), counted.score_bins.tolist())
    return {"tables": tables, "failed": counted.failed, **lists}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    multilabel=st.booleans(),
    splits=st.lists(st.integers(0, 60), max_size=4),
)
def test_it_is_a_loop_over_the_items_and_adds_up(
    seed: int, n: int, multilabel: bool, splits: list[int]
) -> None:
    """Every count, to the last item and the last unit of mass, however the items are cut into parts."""
    items = random_items(seed, n, multilabel=multilabel)
    own = meters(multilabel=multilabel)
    whole = count(items, own, n_classes=K, multilabel=multilabel)
    assert plain(whole) == plain(naive(items, multilabel=multilabel))
    bounds = sorted({0, n, *(min(each, n) for each in splits)})
    parts = [
        count(part(items, slice(low, high)), own, n_classes=K, multilabel=multilabel)
        for low, high in pairwise(bounds)
    ]
    assert plain(reduce(Counted.plus, parts, nothing(K))) == plain(whole)


@pytest.mark.parametrize("missing", ["readings", "origins"])
def test_a_meter_that_fails_costs_itself_alone(missing: str) -> None:
    """Neither the counts nor another meter miss anything; how many failed is told."""
    items = random_items(1, 20, multilabel=False)
    fault: dict[str, Any] = {"readings": {}} if missing == "readings" else {"origins": None}
    broken = replace(items, **fault)
    lost = {"length"} if missing == "readings" else {"unique", "deduplicated"}
    own = meters(multilabel=False)
    found = plain(count(broken, own, n_classes=K, multilabel=False))
    expected = plain(count(items, own, n_classes=K, multilabel=False))
    assert found.pop("failed") == len(lost)
    assert expected.pop("failed") == 0
    assert found == {name: counts for name, counts in expected.items() if name not in lost}
