"""Tests of `model_store.training.recipes`."""

import pytest

from model_store.training.recipes import RecipeUnknown, check_recipe


@pytest.mark.parametrize(
    ("imbalance", "criterion", "said"),
    [
        ("smote", "pr_auc", "imbalance 'smote' is unknown, allowed: auto, none, balanced"),
        ("auto", "accuracy", "criterion 'accuracy' is unknown, allowed: macro_f1, pr_auc"),
    ],
)
def test_what_is_no_choice_is_refused(imbalance: str, criterion: str, said: str):
    """Accuracy above all: it would choose the recipe that never says a rare class."""
    with pytest.raises(RecipeUnknown, match=said):
        check_recipe(imbalance, criterion)
    check_recipe("auto", "macro_f1")
