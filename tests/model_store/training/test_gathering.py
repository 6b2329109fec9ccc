"""Tests of `model_store.training.gathering`, and of the claims of a fit with labels that came back."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model_store.data.drawn import drawn
from model_store.data.labelled import LabelsUnknown
from model_store.data.returned import Returned
from model_store.data.rows import Rows
from model_store.model import Model, load_model
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target
from model_store.store import ModelStore
from model_store.training.fit import fit
from model_store.training.gathering import Gathered, explored_weights

FILE = Rows(texts=("a", "b", "c", "d"), labels=("x", "y", "x", "y"))
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def returned(rows: Rows, strata: str) -> Returned:
    """Return rows of one batch: c(ertainty) or e(xploration), one letter each."""
    names = {"c": "certainty", "e": "exploration"}
    n = len(strata)
    whole = Rows(
        texts=rows.texts,
        features=rows.features,
        labels=rows.labels,
        ids=tuple(f"k{i}" for i in range(n)),
        strata=tuple(names[each] for each in strata),
        weights=tuple(0.0 if each == "c" else 4.0 for each in strata),
    )
    yes = np.ones(n, np.bool_)
    return Returned(whole, ("b",) * n, yes, yes)


def test_returned_rows_are_numbered_behind_the_file() -> None:
    """Chosen ones may train, explored ones are kept apart, none of these is no class."""
    back = returned(Rows(texts=("e", "f", "g"), labels=("x", "none_of_these", "y")), "cee")
    found = Gathered.of(FILE, drawn(FILE, sample=True), back)
    assert found.labelled.classes == ("x", "y")
    assert found.labelled.labels.tolist() == [0, 1, 0, 1, 0, -1, 1]
    assert found.able.used.tolist() == [0, 1, 2, 3]
    assert (found.able.chosen.tolist(), found.explored.tolist()) == ([4], [5, 6])
    assert found.proving.tolist() == [5, 6]


def test_explored_rows_that_training_nearly_saw_are_left_out() -> None:
    """By group; the others are the evidence, with their positives."""
    back = returned(Rows(texts=("e", "f", "g"), labels=("x", "x", "y")), "cee")
    found = Gathered.of(FILE, drawn(FILE, sample=True), back)
    groups = np.array([0, 1, 2, 3, 4, 1, 5], np.int32)
    apart = found.unknown_to(np.array([0, 1]), groups)
    assert apart.explored.tolist() == [6]
    exploration, validation = apart.evidence(np.array([3]))
    assert (exploration.rows.texts, exploration.proving, exploration.proving_positives) == (("g",), 1, (0, 1))
    assert validation.rows.texts == ("d",)
    assert apart.facts(pool=False)["returned"]["known"] == 1


def test_without_returned_labels_nothing_is_added() -> None:
    """Neither rows nor facts nor evidence."""
    found = Gathered.of(FILE, drawn(FILE, sample=True), None)
    assert (len(found), found.evidence(np.array([0])), found.facts(pool=False)) == (4, (), {})
    assert explored_weights(None, 3) is None
    assert explored_weights(np.array([1.0, 3.0]), 2) == pytest.approx([2.0, 2.0])


def test_a_label_of_another_class_is_refused() -> None:
    """A new class takes rows in the file."""
    back = returned(Rows(texts=("e",), labels=("z",)), "c")
    with pytest.raises(LabelsUnknown):
        Gathered.of(FILE, drawn(FILE, sample=True), back)


def items(rng: np.random.Generator, n: int, *, moved: bool) -> tuple[Floats, Bools]:
    """Return n rows of two numbers, a tenth of them fraud; where it moved, half of that looks otherwise."""
    fraud = rng.random(n) < 0.1
    odd = fraud & (rng.random(n) < (0.5 if moved else 0.0))
    x = rng.normal(size=(n, 2))
    x[fraud & ~odd, 0] += 2.0
    x[odd, 1] += 2.0
    return x, fraud


def table(x: Floats, fraud: Bools) -> Rows:
    """Return them as rows of a table."""
    return Rows(
        features={name: tuple(f"{v:.6f}" for v in x[:, i]) for i, name in enumerate(("u", "v"))},
        labels=tuple("fraud" if each else "ham" for each in fraud),
    )


def answers(model: Model, x: Floats) -> tuple[Floats, Bools]:
    """Return the probability of fraud and whether it is flagged."""
    decided = model.decide([{"u": float(u), "v": float(v)} for u, v in x])
    k = model.classes.index("fraud")
    return decided.probabilities[:, k].astype(np.float64), decided.flags[:, k]


@pytest.mark.slow
def test_a_certified_recall_holds_on_the_traffic_after_it_moved(tmp_path: Path) -> None:
    """Whole rounds: the old model chooses, people label, a new one is fitted; its claim meets fresh traffic.

    What the old model certified is wrong in every round; the new claims are wrong in at most one of ten.
    """
    rounds, asked, store = 20, 0.85, ModelStore(tmp_path)
    claims = Claims((Target("fraud", recall=asked),))
    rows = table(*items(np.random.default_rng(0), 1_500, moved=False))
    old = fit(rows, name="m", store=store, claims=claims, imbalance="none")
    before = load_model(old.path)
    certified = violated = outdated = 0
    for round_ in range(rounds):
        rng = np.random.default_rng(100 + round_)
        x, fraud = items(rng, 4_000, moved=True)
        explored = rng.permutation(len(x))[:200]  # of all traffic: what is drawn too is not merely chosen
        chosen = np.setdiff1d(np.argsort(-answers(before, x)[0], kind="stable")[:170], explored)
        both = np.concatenate([chosen, explored])
        back = returned(table(x[both], fraud[both]), "c" * len(chosen) + "e" * len(explored))
        new = fit(rows, name="m", store=store, claims=claims, imbalance="none", returned=back)
        fresh, true = items(np.random.default_rng(10_000 + round_), 10_000, moved=True)
        status = next(t.status for t in new.thresholds if t.class_name == "fraud")
        certified += status == "certified"
        violated += status == "certified" and answers(load_model(new.path), fresh)[1][true].mean() < asked
        outdated += answers(before, fresh)[1][true].mean() < asked
    assert outdated == rounds
    assert certified >= 0.7 * rounds
    assert violated <= 0.1 * rounds + 2 * np.sqrt(rounds * 0.1 * 0.9)
