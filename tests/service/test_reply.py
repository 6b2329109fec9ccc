"""What a client reads: one label, any number of them, and why a person should look."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.costs import Costs
from model_store.model import Model
from model_store.store import ModelStore
from tests.support import bundles
from tests.support.desk import Desk, current_of


def ask(model: Model, *texts: str, query: bytes = b"") -> list[dict[str, Any]]:
    """Return the predictions of these texts."""
    status, reply = Desk(current_of(model)).ask({"items": [{"text": text} for text in texts]}, query=query)
    assert status == 200, reply
    predictions: list[dict[str, Any]] = reply["predictions"]
    return predictions


def with_policy(tmp_path: Path, *, kind: bundles.Kind = "text", **changes: Any) -> Model:
    """Return a tiny model whose policy is changed so."""

    def change(parts: dict[str, Any]) -> None:
        parts["policy"] = replace(parts["policy"], **changes)

    return bundles.tiny_model(ModelStore(tmp_path), kind=kind, change=change)


def test_several_labels_are_the_flags_in_the_order_of_the_classes(labels_model: Model) -> None:
    """`labels` stands where `label` would; probabilities are each label's own."""
    both, one, none = ask(
        labels_model, "login and billing", "delivery", bundles.UNKNOWN_TEXT, query=b"probabilities=true"
    )
    assert (both["labels"], one["labels"], none["labels"]) == (["billing", "login"], ["delivery"], [])
    assert [flag["class"] for flag in both["flags"]] == both["labels"]
    assert {flag["claim"] for flag in both["flags"]} == {"empirical"}
    assert "label" not in both
    assert sum(both["probabilities"].values()) > 1.5
    assert none["top"]["class"] in bundles.NAMED


@pytest.mark.parametrize(("require_one", "review"), [(False, None), (True, "no_class_passes")])
def test_no_label_is_an_answer_unless_one_is_required(
    tmp_path: Path, require_one: bool, review: str | None
) -> None:
    """Only then a person should look; what is counted is the same."""
    model = with_policy(tmp_path, kind="multilabel", require_one=require_one)
    none, one = ask(model, bundles.UNKNOWN_TEXT, "login")
    assert (none["labels"], none["review"], one["review"]) == ([], review, None)


def test_an_item_whose_every_answer_costs_more_than_a_review_is_left_to_a_person(tmp_path: Path) -> None:
    """`review` says so, and the label beside it is the cheapest answer."""
    matrix = np.ones((3, 3)) - np.eye(3)
    costs = Costs(bundles.NAMED, matrix, review=0.2)
    model = with_policy(tmp_path, rule="costs", costs=costs, ambiguous_ratio=None)
    sure, torn = ask(model, "login", "login billing")
    assert (sure["label"], sure["review"]) == ("login", None)
    assert torn["review"] == "abstained"
    assert torn["label"] in ("billing", "login")


def test_an_item_between_two_thresholds_is_left_to_a_person(tmp_path: Path) -> None:
    """A class's band of review shows as `abstained`, whatever the flags."""

    def change(parts: dict[str, Any]) -> None:
        policy = parts["policy"]
        first, *others = policy.thresholds
        banded = replace(first, threshold=0.75, review_from=0.25)
        parts["policy"] = replace(policy, thresholds=(banded, *others), ambiguous_ratio=None)

    model = bundles.tiny_model(ModelStore(tmp_path), change=change)
    sure, torn, other = ask(model, "billing", "billing login", "login")
    assert (sure["review"], torn["review"], other["review"]) == (None, "abstained", None)
    assert [flag["class"] for flag in torn["flags"]] == ["login"]
