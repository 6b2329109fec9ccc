"""Tests of `model_store.training.fit`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.bundles.bundle import read_bundle, read_seen, read_validation
from model_store.calibrating.calibration import calibration_digest
from model_store.calibrating.calibrators import fit_calibration
from model_store.data.labelled import (
    LabelReserved,
    LabelsMissing,
    OneClass,
    TooManySources,
    classes_of,
    groups_of,
)
from model_store.data.rows import Rows, read_rows
from model_store.data.signatures import matches, minhash
from model_store.data.splits import ClassTooSmall, split
from model_store.errors import BundleInvalid, ModelStoreError, TargetError
from model_store.model import load_model
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target, parse_target
from model_store.store import ModelStore
from model_store.training.fit import FitResult, fit
from tests.support.shared import SHARED
from tests.support.synthetic import synthetic_rows

CLAIMS = Claims((Target("billing", recall=0.85), Target("login", recall=0.9, precision=0.9)))
TOLD = {"by": "ada", "why": "the first"}
ROWS = synthetic_rows({"billing": 300, "delivery": 900, "login": 60}, seed=1, clarity=0.2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Return a store that the tests of this module publish to."""
    return ModelStore(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def stages() -> list[tuple[str, int, int]]:
    """Return where the progress of `fitted` is kept."""
    return []


@pytest.fixture(scope="module")
def fitted(store: ModelStore, stages: list[tuple[str, int, int]]) -> FitResult:
    """Return a fit with a target that can be had and one that cannot."""
    return fit(
        ROWS,
        name="tickets",
        store=store,
        claims=CLAIMS,
        imbalance="balanced",
        licence="CC0",
        **TOLD,
        progress=lambda *call: stages.append(call),
    )


def test_the_published_bundle_serves_what_was_fitted(fitted: FitResult):
    """Loaded again, thresholds, calibration and decisions on the validation rows are the same."""
    model = load_model(fitted.path)
    assert model.key == "tickets@1"
    assert model.classes == ("billing", "delivery", "login")
    assert model.bundle.policy.thresholds == fitted.thresholds
    assert model.bundle.policy.calibration_sha256 == calibration_digest(fitted.calibration)
    validation = read_validation(model.bundle)
    decided = model.bundle.policy.decide(validation.probabilities)
    for k, threshold in enumerate(fitted.thresholds):
        flagged = decided.flags[:, k]
        hits = int((flagged & (validation.labels == k)).sum())
        assert threshold.recall.estimate == pytest.approx(hits / (validation.labels == k).sum())
        assert threshold.precision.estimate == pytest.approx(hits / flagged.sum())
    reference = model.bundle.reference
    assert reference.counts.sum() == len(validation.labels)
    assert (reference.confusion.sum(axis=1) == np.bincount(validation.labels)).all()


def test_what_the_inputs_look_like_is_noted_on_the_threshold_rows(fitted: FitResult):
    """Tenths of their lengths and shares of unknown words, so that traffic is counted between them."""
    inputs = read_bundle(fitted.path).reference.inputs
    assert inputs.keys() == {"length", "unknown"}
    lengths = sorted(map(len, ROWS.texts or ()))
    assert set(inputs["length"]) <= set(map(float, lengths))
    # About a fifth of the rows: their median is near that of all.
    assert abs(inputs["length"][4] - lengths[len(lengths) // 2]) <= 5
    # Every text ends in a number of its own.
    assert 0 < inputs["unknown"][0] <= inputs["unknown"][-1] < 0.5


def test_one_text_served_alone_gets_a_decision(fitted: FitResult):
    """The bundle works on texts it has never seen."""
    decided = load_model(fitted.path).decide(["invoice refund charge payment receipt"])
    assert decided.label.tolist() == [0]


def test_the_statuses_are_honest(fitted: FitResult):
    """Recall alone is certified with rows enough; with too few nothing is claimed, whatever was asked."""
    by_name = {t.class_name: t for t in fitted.thresholds}
    assert by_name["billing"].status == "certified"
    assert by_name["billing"].recall.lower >= 0.85
    assert by_name["delivery"].status == "certified"
    # 12 positives among the threshold rows; recall .9 at delta .05 takes 29
    assert by_name["login"].status == "insufficient_data"
    assert by_name["login"].n_needed == 29 - 12


def test_positives_are_counted_in_every_split(fitted: FitResult):
    """They sum to the rows of the class."""
    assert ROWS.labels is not None
    for t in fitted.thresholds:
        assert list(t.n_positive) == ["train", "calibration", "threshold", "test"]
        assert sum(t.n_positive.values()) == ROWS.labels.count(t.class_name)


def test_calibration_and_thresholds_rest_on_rows_of_their_own(fitted: FitResult):
    """Fitted again on the calibration rows it is the same calibration; no validation row is among them."""
    assert ROWS.labels is not None
    classes, labels = classes_of(ROWS)
    groups = groups_of(ROWS, minhash(ROWS.texts))
    parts = split(labels, groups, seed=0, classes=classes)
    model = load_model(fitted.path)
    raw = model.classifier.log_probabilities([ROWS.texts[i] for i in parts.calibration])
    again = fit_calibration(
        raw, labels[parts.calibration], seed=0, classes=classes, groups=groups[parts.calibration]
    )
    assert calibration_digest(again) == calibration_digest(fitted.calibration)
    validation = read_validation(model.bundle)
    assert validation.labels.tolist() == labels[parts.threshold].tolist()
    assert not set(parts.calibration) & set(parts.threshold)


def test_seen_recognises_all_but_the_test_rows(fitted: FitResult):
    """A replay may use the test rows; what was fitted on is left out."""
    signatures = minhash(ROWS.texts)
    found = matches(signatures, read_seen(read_bundle(fitted.path)).signatures)
    n_test = sum(t.n_positive["test"] for t in fitted.thresholds)
    assert 0 < n_test * 0.9 <= (~found).sum() <= n_test


def test_the_result_is_the_contract_of_the_command_line(fitted: FitResult):
    """Exactly these keys, and JSON without NaN."""
    found: dict[str, Any] = json.loads(json.dumps(fitted.to_json(), allow_nan=False))
    assert found["bundle"] == {"name": "tickets", "version": "1", "path": str(fitted.path)}
    assert set(found) == {"bundle", "calibration", "classes", "metrics"}
    assert set(found["calibration"]) == {"method", "class_ece_before", "class_ece_after"}
    assert set(found["calibration"]["class_ece_after"]) == {"billing", "delivery", "login"}
    assert set(found["metrics"]) == {"macro_f1", "pr_auc"}
    for entry in found["classes"]:
        expected = {"class", "n_positive", "status", "threshold", "recall", "precision"}
        assert set(entry) - {"frontier", "n_needed"} == expected
        assert ("n_needed" in entry) == (entry["status"] == "insufficient_data")
        assert ("frontier" in entry) == (entry["status"] == "infeasible")
        assert set(entry["recall"]) == {"estimate", "lower"}


def test_the_card_is_in_the_bundle(fitted: FitResult):
    """With the facts of this fit, and no text of a row."""
    card = (fitted.path / "card.md").read_text(encoding="utf-8")
    assert "1,260 rows" in card
    assert "licence: CC0" in card
    assert not any(text in card for text in ROWS.texts)


def test_who_fitted_and_why_is_in_the_manifest_and_the_card(fitted: FitResult):
    """As they were said."""
    training = read_bundle(fitted.path).manifest.training
    assert {name: training[name] for name in TOLD} == TOLD
    card = (fitted.path / "card.md").read_text().splitlines()
    assert {f"- {name}: {said}" for name, said in TOLD.items()} <= set(card)


def test_progress_names_every_stage_in_order(fitted: FitResult, stages: list[tuple[str, int, int]]):
    """Each stage ends with done = total."""
    assert fitted.version == "1"
    names = list(dict.fromkeys(stage for stage, _, _ in stages))
    assert names == ["signatures", "train", "parity", "calibrate", "thresholds", "measure", "publish"]
    last = {stage: (done, total) for stage, done, total in stages}
    assert all(done == total > 0 for done, total in last.values())
    assert all(0 <= done <= total for _, done, total in stages)


def test_the_same_rows_and_seed_give_the_same_model(fitted: FitResult, store: ModelStore):
    """Every file but the manifest, which holds version and time, is equal to the byte."""
    again = fit(ROWS, name="tickets", store=store, claims=CLAIMS, imbalance="balanced", licence="CC0", **TOLD)
    assert again.version == "2"
    for file in sorted(fitted.path.iterdir()):
        if file.name != "manifest.json":
            assert file.read_bytes() == (again.path / file.name).read_bytes(), file.name


def test_named_groups_are_never_divided(store: ModelStore):
    """Rows of one named group are in one split; an empty cell is no group."""
    rows = replace(ROWS, groups=tuple("" if i % 3 else f"g{i % 40}" for i in range(len(ROWS))))
    assert rows.labels is not None
    rows = replace(
        rows, groups=tuple(g and f"{g}-{label}" for g, label in zip(rows.groups, rows.labels, strict=True))
    )
    result = fit(rows, name="grouped", store=store, imbalance="balanced")
    seen = matches(minhash(rows.texts), read_seen(read_bundle(result.path)).signatures)
    for group in {g for g in rows.groups if g}:
        members = [i for i, g in enumerate(rows.groups) if g == group]
        assert len({bool(seen[i]) for i in members}) == 1


def test_rows_chosen_by_score_train_and_prove_nothing(store: ModelStore):
    """They are in no other part: what is claimed rests on the sample alone, and the card says so."""
    chosen = synthetic_rows({"login": 90}, seed=8, clarity=0.5)
    assert ROWS.labels is not None
    assert chosen.labels is not None
    strata = ("exploration",) * len(ROWS) + ("certainty",) * len(chosen)
    rows = Rows(texts=ROWS.texts + chosen.texts, labels=ROWS.labels + chosen.labels, strata=strata)
    with_them = fit(rows, name="mixed", store=store, claims=CLAIMS, imbalance="balanced")
    without = fit(ROWS, name="mixed", store=store, claims=CLAIMS, imbalance="balanced")
    for mine, plain in zip(with_them.thresholds, without.thresholds, strict=True):
        more = 90 if mine.class_name == "login" else 0
        assert mine.n_positive == plain.n_positive | {"train": plain.n_positive["train"] + more}
    assert "90 rows were chosen by score" in (with_them.path / "card.md").read_text()


def test_a_file_that_is_no_sample_certifies_nothing(store: ModelStore):
    """The owner says so, and every status is an estimate at best."""
    result = fit(ROWS, name="loose", store=store, claims=replace(CLAIMS, sample=False), imbalance="balanced")
    assert "certified" not in {t.status for t in result.thresholds}


def test_two_classes_are_a_binary_task(store: ModelStore):
    """The graph still has two outputs, and the manifest says so."""
    rows = synthetic_rows({"billing": 200, "login": 200}, seed=3)
    result = fit(rows, name="two", store=store, imbalance="balanced")
    bundle = read_bundle(result.path)
    assert bundle.manifest.task == "binary"
    assert bundle.calibration.n_classes == 2


def _relabelled(**new: str) -> Rows:
    assert ROWS.labels is not None
    return replace(ROWS, labels=tuple(new.get(label, label) for label in ROWS.labels))


@pytest.mark.parametrize(
    ("rows", "options", "error", "said"),
    [
        (replace(ROWS, labels=None), {}, LabelsMissing, "no labels"),
        (_relabelled(billing="x", delivery="x", login="x"), {}, OneClass, "only 'x'"),
        (_relabelled(login="none_of_these"), {}, LabelReserved, "reserved"),
        (_relabelled(login="no_class_passes"), {}, LabelReserved, "reserved"),
        (replace(ROWS, sources=tuple(f"s{i}" for i in range(len(ROWS)))), {}, TooManySources, "at most 31"),
        (synthetic_rows({"billing": 50, "login": 1}), {}, ClassTooSmall, "class 'login' has 1 row"),
        (ROWS, {"claims": Claims((Target("spam", recall=0.8),))}, TargetError, "unknown class 'spam'"),
        (ROWS, {"claims": Claims(delta=0.7)}, TargetError, "delta 0.7"),
        (ROWS, {"name": "No/Name"}, BundleInvalid, "is not a name"),
    ],
    ids=[
        "no labels",
        "one class",
        "none_of_these",
        "no_class_passes",
        "sources",
        "one row",
        "unknown class",
        "delta",
        "name",
    ],
)
def test_what_cannot_be_fitted_is_said_before_anything_is_written(
    rows: Rows, options: dict[str, Any], error: type[ModelStoreError], said: str, tmp_path: Path
):
    """One clear line, at once, and no trace in the store."""
    with pytest.raises(error, match=said) as caught:
        fit(rows, **({"name": "tickets", "store": ModelStore(tmp_path / "store")} | options))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_hard_rare_class_is_reported_as_it_is(tmp_path: Path):
    """Real hate speech: recall .85 is certified alone, and infeasible together with precision .6."""
    path = SHARED / "data" / "hate_davidson.csv.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there; set SEAMARK_SHARED")
    rows = read_rows(path, text="text", label="label", id="id")
    store = ModelStore(tmp_path)
    both = fit(
        rows, name="hate", store=store, claims=Claims((parse_target("hate:recall=0.85,precision=0.6"),))
    )
    hate = both.thresholds[0]
    assert (hate.class_name, hate.status) == ("hate", "infeasible")
    assert hate.frontier is not None
    assert [point.goal for point in hate.frontier] == ["best_precision_at_recall", "best_recall_at_precision"]
    assert 0.33 <= both.evaluation.pr_auc[0] <= 0.45
    assert both.evaluation.class_ece_after.mean() < both.evaluation.class_ece_before.mean() / 2
    alone = fit(
        rows, name="hate", store=store, claims=Claims((parse_target("hate:recall=0.85"),))
    ).thresholds[0]
    assert alone.status == "certified"
    assert alone.recall.lower >= 0.85
