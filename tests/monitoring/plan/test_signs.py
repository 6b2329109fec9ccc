"""A model's signs of a class are its calibrated probabilities, whatever the texts are split into."""

import numpy as np
import pytest

from model_store.data.contents import content_of
from model_store.model import Model
from model_store.store import ModelStore
from monitoring.plan import signs
from monitoring.plan.signs import scorer_of, silent
from monitoring.waves.facts import facts_of
from tests.support.bundles import tiny_item
from tests.support.bundles import tiny_model as tiny_model_of


def test_scores_are_the_probabilities_of_the_rare_classes(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order they were asked for; progress counts texts."""
    monkeypatch.setattr(signs, "_AT_ONCE", 2)
    texts = [*tiny_model.classes, "nothing here is known"]
    rare = [tiny_model.classes[2], tiny_model.classes[0]]
    told: list[tuple[str, int, int]] = []
    found = scorer_of(tiny_model, facts_of(tiny_model.bundle), rare)(texts, lambda *said: told.append(said))
    whole = tiny_model.decide(texts)
    assert found.answers is not None
    for name in ("probabilities", "flags", "label", "decision", "top"):
        np.testing.assert_array_equal(getattr(found.answers.decisions, name), getattr(whole, name))
    np.testing.assert_allclose(found.scores, whole.probabilities[:, [2, 0]])
    assert found.scores.shape == (4, 2)
    assert told == [("model", 2, 4), ("model", 4, 4)]


def test_a_row_of_a_table_is_what_its_model_takes(model_store: ModelStore) -> None:
    """Missing values are missing again."""
    model = tiny_model_of(model_store, kind="features")
    rows = [tiny_item("delivery"), tiny_item("login", amount=2.5, urgent=True)]
    found = scorer_of(model, facts_of(model.bundle), ["login"])([*map(content_of, rows)], silent)
    np.testing.assert_allclose(found.scores[:, 0], model.decide(rows).probabilities[:, 2])


def test_silence_reports_nothing() -> None:
    """It is what library callers get."""
    silent("read", 1, 2)
