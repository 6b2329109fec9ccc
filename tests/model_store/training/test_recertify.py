"""Tests of `model_store.training.recertify`."""

import numpy as np
import pytest

from model_store.bundles.bundle import read_bundle, read_seen
from model_store.data.returned import Returned
from model_store.data.rows import Rows
from model_store.model import Model, load_model
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target
from model_store.store import ModelStore
from model_store.training.fit import fit
from model_store.training.recertify import NothingExplored, recertify
from model_store.training.refit import AllSeen
from tests.support.synthetic import synthetic_rows

OLD = synthetic_rows({"billing": 200, "delivery": 260, "login": 90}, seed=1, clarity=0.3)
NEW = synthetic_rows({"billing": 90, "delivery": 100, "login": 60}, seed=2, clarity=0.2)
CHOSEN = synthetic_rows({"billing": 10, "delivery": 10, "login": 80}, seed=3, clarity=0.6)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Return the store of this module."""
    return ModelStore(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(store: ModelStore) -> Model:
    """Return a model of yesterday, whose words were clearer."""
    claims = Claims((Target("login", recall=0.85),))
    return load_model(fit(OLD, name="t", store=store, claims=claims, imbalance="balanced").path)


def back(*parts: tuple[Rows, str]) -> Returned:
    """Return labelled rows, each part of one stratum."""
    texts = tuple(text for rows, _ in parts for text in rows.texts)
    labels = tuple(label for rows, _ in parts for label in rows.labels or ())
    strata = tuple(stratum for rows, stratum in parts for _ in rows.texts)
    rows = Rows(
        texts=texts,
        labels=labels,
        ids=tuple(f"k{i}" for i in range(len(texts))),
        strata=strata,
        weights=tuple(0.0 if each == "certainty" else 9.0 for each in strata),
    )
    yes = np.ones(len(texts), np.bool_)
    return Returned(rows, ("b",) * len(texts), yes, yes)


def test_chosen_labels_have_no_part_in_a_threshold(store: ModelStore, model: Model) -> None:
    """With the easiest of them or without, the thresholds are the same: explored rows alone decide."""
    alone = recertify(model, back((NEW, "exploration")), store=store)
    both = recertify(model, back((CHOSEN, "certainty"), (NEW, "exploration")), store=store)
    assert alone.thresholds == both.thresholds
    (login,) = (t for t in alone.thresholds if t.class_name == "login")
    assert (login.status, login.n_positive["explored"]) == ("certified", 60)
    assert login.recall.lower >= 0.85


def test_graph_calibration_and_memory_stay(store: ModelStore, model: Model) -> None:
    """So the same labels can prove something again, beside more of them."""
    done = recertify(model, back((NEW, "exploration")), store=store)
    new = read_bundle(done.path)
    for file in ("model.onnx", "front_end.npz", "calibration.json"):
        assert new.manifest.files[file] == model.bundle.manifest.files[file]
    assert (read_seen(new).signatures == read_seen(model.bundle).signatures).all()
    assert new.manifest.training["sample"] is False
    assert not {"by", "why"} & new.manifest.training.keys()
    assert "explored items that it was not fitted on" in (done.path / "card.md").read_text()
    assert (
        recertify(load_model(done.path), back((NEW, "exploration")), store=store).thresholds
        == done.thresholds
    )


def test_partial_draws_certify_nothing(store: ModelStore, model: Model) -> None:
    """The thresholds stay where they are, as estimates of earlier traffic."""
    done = recertify(model, back((NEW, "exploration-partial")), store=store, by="kim", why="monthly labels")
    told = read_bundle(done.path).manifest.training
    assert (told["by"], told["why"]) == ("kim", "monthly labels")
    assert {t.status for t in done.thresholds} <= {"empirical", "insufficient_data"}
    assert done.evidence[0].proving == 0
    assert len(done.evidence[0].rows) == 250


def test_without_explored_labels_there_is_nothing_to_set_by(store: ModelStore, model: Model) -> None:
    """Whatever else came back; rows that the bundle was fitted on are not new either."""
    with pytest.raises(NothingExplored, match="none of the 100 labels"):
        recertify(model, back((CHOSEN, "certainty")), store=store)
    known = Rows(texts=OLD.texts, labels=OLD.labels)
    test_part = len(OLD.texts) - len(read_seen(model.bundle).signatures)
    done = recertify(model, back((known, "exploration")), store=store)
    assert len(done.evidence[0].rows) <= test_part
    fitted = [i for i, text in enumerate(OLD.texts) if text not in done.evidence[0].rows.texts]
    again = Rows(
        texts=tuple(OLD.texts[i] for i in fitted), labels=tuple((OLD.labels or ())[i] for i in fitted)
    )
    with pytest.raises(AllSeen):
        recertify(model, back((again, "exploration")), store=store)


def test_old_rows_count_beside_them_when_somebody_says_so(store: ModelStore, model: Model) -> None:
    """A claim then rests on both."""
    done = recertify(model, back((NEW, "exploration")), store=store, pool=True)
    (login,) = (t for t in done.thresholds if t.class_name == "login")
    old = next(t for t in model.bundle.policy.thresholds if t.class_name == "login")
    assert login.n_positive["threshold"] == old.n_positive["threshold"] + 60
    assert login.status == "certified"
