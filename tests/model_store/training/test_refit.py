"""Tests of `model_store.training.refit`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_store.bundles.bundle import read_binning, read_bundle, read_seen, read_validation
from model_store.data.drawn import NotASample, NothingDrawn
from model_store.data.features import features_of
from model_store.data.labelled import LabelsUnknown
from model_store.data.rows import Rows
from model_store.errors import TargetError
from model_store.model import Model, load_model
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target
from model_store.store import ModelStore
from model_store.training.fit import fit
from model_store.training.refit import (
    AllSeen,
    NothingToPool,
    PoolUnproven,
    Refitted,
    claims_of,
    refit,
)
from tests.support.synthetic import synthetic_rows, synthetic_table

SHARES = {"billing": 600, "delivery": 900, "login": 150}
OLD = synthetic_rows(SHARES, seed=1, clarity=0.25)
# The words of the classes have become less clear: a model that stays must promise less, or flag more.
NEW = synthetic_rows(SHARES, seed=2, clarity=0.18)
FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1" / "bundle"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Return the store of this module."""
    return ModelStore(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(store: ModelStore) -> Model:
    """Return a model that promised something about rows of yesterday."""
    targets = (Target("login", recall=0.85), Target("billing", recall=0.8, precision=0.5))
    told = {"by": "ada", "why": "the first"}
    return load_model(
        fit(OLD, name="tickets", store=store, claims=Claims(targets), imbalance="balanced", **told).path
    )


@pytest.fixture(scope="module")
def refitted(store: ModelStore, model: Model) -> Refitted:
    """Return the same model after a sample of today was labelled."""
    return refit(model, NEW, store=store, sample=True)


def test_the_graph_stays_byte_for_byte(model: Model, refitted: Refitted):
    """Only what is promised about it changes."""
    old, new = model.bundle.manifest, read_bundle(refitted.result.path).manifest
    assert new.files["model.onnx"] == old.files["model.onnx"]
    assert new.files["front_end.npz"] == old.files["front_end.npz"]
    assert new.version == "2"
    assert new.training["refit"]["of"] == "tickets@1"
    assert "The model is that of tickets@1" in (refitted.result.path / "card.md").read_text()


def test_who_fitted_the_first_and_why_is_not_said_of_a_refit(model: Model, refitted: Refitted):
    """Each version says of itself alone who made it and why."""
    old, new = model.bundle.manifest, read_bundle(refitted.result.path).manifest
    assert (old.training["by"], old.training["why"]) == ("ada", "the first")
    assert not {"by", "why"} & new.training.keys()


def test_what_the_inputs_look_like_is_noted_anew(model: Model, refitted: Refitted):
    """The new rows are what traffic of the new version is held against."""
    old, new = (each.reference.inputs for each in (model.bundle, read_bundle(refitted.result.path)))
    assert old.keys() == new.keys() == {"length", "unknown"}
    assert old != new


def test_it_asks_what_was_asked_before(model: Model, refitted: Refitted):
    """Without targets of its own a refit keeps those of the bundle."""
    again = claims_of(load_model(refitted.result.path))
    assert again == claims_of(model)
    assert [str(t) for t in again.targets] == ["login:recall=0.85", "billing:recall=0.8,precision=0.5"]


def test_the_new_claims_hold_on_traffic_of_today(refitted: Refitted):
    """What is certified on a sample of today's rows is kept on rows nobody has seen, the old one is not."""
    later = synthetic_rows({name: 8 * n for name, n in SHARES.items()}, seed=3, clarity=0.18)
    assert later.labels is not None
    new = load_model(refitted.result.path)
    for k, threshold in enumerate(new.bundle.policy.thresholds):
        if threshold.status == "certified" and threshold.target.precision is None:
            flags = new.decide(later.texts).flags[:, k]
            mine = np.array([label == threshold.class_name for label in later.labels])
            assert flags[mine].mean() >= threshold.target.recall


def test_the_diff_says_what_changes_on_the_same_rows(model: Model, refitted: Refitted):
    """Both sides are measured on the new threshold rows; the old side is the old bundle's promise."""
    value = refitted.to_json()
    validation = read_validation(read_bundle(refitted.result.path))
    assert validation.log_probabilities is not None
    old = model.bundle.policy.decide(model.bundle.calibration.apply(validation.log_probabilities))
    for k, (change, before) in enumerate(zip(value["changes"], model.bundle.policy.thresholds, strict=True)):
        assert change["before"]["threshold"] == before.threshold
        assert change["before"]["status"] == before.status
        assert change["before"]["flagged_share"] == pytest.approx(old.flags[:, k].mean())
        assert change["after"]["threshold"] == refitted.result.thresholds[k].threshold
    assert value["review_share"]["before"] == pytest.approx((old.decision != 0).mean())


@pytest.mark.parametrize("strata", [None, "exploration"], ids=["no stratum", "with a stratum"])
def test_rows_need_a_weight_or_a_declaration(model: Model, store: ModelStore, strata: str | None):
    """A refit on rows of unknown origin is refused: rows chosen by score would break every claim."""
    rows = NEW if strata is None else replace(NEW, strata=(strata,) * len(NEW))
    with pytest.raises(NotASample, match="declare them a sample"):
        refit(model, rows, store=store)


def test_rows_chosen_by_score_take_no_part(model: Model, store: ModelStore, refitted: Refitted):
    """Rows of the stratum `certainty` change nothing but the count of rows left out."""
    chosen = synthetic_rows({"login": 80}, seed=9, clarity=0.6)
    assert NEW.labels is not None
    assert chosen.labels is not None
    mixed = Rows(
        texts=NEW.texts + chosen.texts,
        labels=NEW.labels + chosen.labels,
        strata=("exploration",) * len(NEW) + ("certainty",) * len(chosen),
    )
    found = refit(model, mixed, store=store, sample=True)
    assert found.chosen == len(chosen)
    assert found.result.thresholds == refitted.result.thresholds
    with pytest.raises(NothingDrawn, match="all 80 rows were chosen by score"):
        refit(model, replace(chosen, strata=("certainty",) * 80), store=store, sample=True)


def test_only_a_plain_sample_certifies(model: Model, store: ModelStore):
    """Unequal weights give estimates; equal ones prove something beside strata or a declaration only."""
    equal = (4.0,) * len(NEW)
    unequal = tuple(1.0 + (i % 3) for i in range(len(NEW)))
    exploration = ("exploration",) * len(NEW)
    for rows, sample, certifies in (
        (replace(NEW, weights=unequal), True, False),
        (replace(NEW, weights=equal), False, False),
        (replace(NEW, weights=equal), True, True),
        (replace(NEW, weights=equal, strata=exploration), False, True),
        (replace(NEW, weights=equal, strata=("exploration-partial", *exploration[1:])), False, False),
    ):
        found = refit(model, rows, store=store, sample=sample)
        assert found.sample is certifies
        statuses = {t.status for t in found.result.thresholds}
        assert ("certified" in statuses) is certifies
        assert read_bundle(found.result.path).manifest.training["sample"] is certifies


def test_pooling_rests_a_claim_on_more_positives(model: Model, store: ModelStore, refitted: Refitted):
    """The old validation rows stand beside the new ones, calibrated anew."""
    pooled = refit(model, NEW, store=store, sample=True, pool=True)
    old = read_validation(model.bundle).labels
    for k, (mine, alone) in enumerate(zip(pooled.result.thresholds, refitted.result.thresholds, strict=True)):
        assert mine.n_positive["threshold"] == alone.n_positive["threshold"] + int((old == k).sum())


def test_only_plain_samples_are_pooled(model: Model, store: ModelStore):
    """Neither weighted new rows nor old ones that were no sample: together they would look like one."""
    unequal = replace(NEW, weights=tuple(1.0 + (i % 2) for i in range(len(NEW))))
    with pytest.raises(PoolUnproven, match="the new rows are no plain sample"):
        refit(model, unequal, store=store, pool=True)
    weighted = load_model(refit(model, unequal, store=store).result.path)
    later = synthetic_rows(SHARES, seed=7, clarity=0.18)
    with pytest.raises(PoolUnproven, match="the validation rows of this bundle are no plain sample"):
        refit(weighted, later, store=store, sample=True, pool=True)


def test_a_bundle_of_the_first_format_can_be_refitted_but_not_pooled(tmp_path: Path):
    """It keeps no raw scores of its validation rows, and says so."""
    store = ModelStore(tmp_path)
    old = load_model(store.import_bundle(FORMAT_1))
    texts = tuple(f"{name} {i}" for i in range(60) for name in old.classes)
    rows = Rows(texts=texts, labels=tuple(text.split()[0] for text in texts))
    assert refit(old, rows, store=store, sample=True).result.version == "2"
    with pytest.raises(NothingToPool, match="refit on the new rows alone"):
        refit(old, rows, store=store, sample=True, pool=True)


def test_rows_the_bundle_knows_prove_nothing(model: Model, store: ModelStore, refitted: Refitted):
    """Rows it was trained on would always meet their targets: they are left out, and counted."""
    again = Rows(texts=NEW.texts + OLD.texts, labels=(NEW.labels or ()) + (OLD.labels or ()))
    found = refit(model, again, store=store, sample=True)
    assert found.seen > 0.8 * len(OLD)
    assert found.rows + found.seen == len(again)
    with pytest.raises(AllSeen, match="rows nearly repeat rows that this bundle was fitted on"):
        refit(load_model(refitted.result.path), NEW, store=store, sample=True)


def test_a_calibration_that_explains_the_rows_best_is_kept(store: ModelStore, refitted: Refitted):
    """A few rows whose labels it predicts perfectly are no reason to replace what many rows have fitted."""
    model = load_model(refitted.result.path)
    more = synthetic_rows({"billing": 60, "delivery": 90, "login": 30}, seed=21, clarity=0.18)
    raw = model.classifier.log_probabilities(more.texts)
    likely = model.bundle.calibration.apply(raw)
    rng = np.random.default_rng(0)
    labels = tuple(str(rng.choice(model.classes, p=p / p.sum())) for p in likely.astype(np.float64))
    found = refit(model, replace(more, labels=labels), store=store, sample=True)
    assert found.kept_calibration
    assert found.result.calibration is model.bundle.calibration


def test_what_was_labelled_is_recognised_afterwards(model: Model, refitted: Refitted):
    """Waves and replays pass over the rows of every fit so far."""
    before, after = read_seen(model.bundle), read_seen(read_bundle(refitted.result.path))
    assert len(after.signatures) > len(before.signatures)
    known = {row.tobytes() for row in after.signatures}
    assert {row.tobytes() for row in before.signatures} <= known


def test_other_labels_and_targets_are_refused_before_anything_is_written(model: Model, store: ModelStore):
    """The classes of a model stay, so a label of another class has no place in it."""
    versions = store.versions("tickets")
    assert NEW.labels is not None
    with pytest.raises(LabelsUnknown):
        refit(model, replace(NEW, labels=("parking", *NEW.labels[1:])), store=store, sample=True)
    with pytest.raises(TargetError, match="unknown class"):
        refit(model, NEW, store=store, sample=True, claims=Claims((Target("parking", recall=0.8),)))
    assert store.versions("tickets") == versions


def test_rows_of_no_class_are_negatives_of_every_class(model: Model, store: ModelStore, refitted: Refitted):
    """A new topic costs precision: leaving its rows out would hide exactly the false alarms."""
    strange = synthetic_rows({"billing": 200}, seed=31, clarity=0.25)
    assert NEW.labels is not None
    rows = Rows(texts=NEW.texts + strange.texts, labels=NEW.labels + ("none_of_these",) * len(strange))
    found = refit(model, rows, store=store, sample=True)
    kept = read_validation(read_bundle(found.result.path))
    assert (kept.labels == -1).sum() == pytest.approx(len(strange) / 2, abs=15)
    billing, alone = (each.result.thresholds[0] for each in (found, refitted))
    assert billing.class_name == "billing"
    assert billing.precision.estimate is not None
    assert alone.precision.estimate is not None
    assert billing.precision.estimate < alone.precision.estimate - 0.05
    assert load_model(found.result.path).decide(["invoice"]).label.shape == (1,)


def test_rows_of_a_table_are_known_by_their_values(store: ModelStore):
    """A fit marks the rows it was made from, and a refit adds its own by the same cuts."""
    counts = {"billing": 120, "delivery": 120}
    first = fit(synthetic_table(counts, seed=1), name="table", store=store, imbalance="balanced")
    model = load_model(first.path)
    second = refit(model, synthetic_table(counts, seed=2), store=store, sample=True).result
    before, after = (read_seen(read_bundle(each.path)) for each in (first, second))
    binning = read_binning(read_bundle(second.path))
    assert before.cuts is not None
    assert before.marks is not None
    assert after.marks is not None
    assert binning is not None
    assert len(before.marks) == len(before.signatures)
    assert len(after.marks) == len(before.marks) + sum(counts.values())
    np.testing.assert_array_equal(after.marks[: len(before.marks)], before.marks)
    np.testing.assert_array_equal(after.cuts, before.cuts)
    of_rows = binning.marks(features_of(synthetic_table(counts, seed=2), model.columns))
    assert {row.tobytes() for row in after.marks[len(before.marks) :]} <= {row.tobytes() for row in of_rows}
