"""Recipes: in which ways may training treat rare classes, and by what are the ways compared?"""

from typing import Final, Literal, TypeAlias, get_args

from model_store.errors import TrainingError

Recipe: TypeAlias = Literal["none", "balanced", "effective", "focal", "undersample", "oversample"]
Imbalance: TypeAlias = Literal["auto", "none", "balanced", "effective", "focal", "undersample", "oversample"]
# Never accuracy: a model that never says a class of 2 % is right in 98 % of all cases.
Criterion: TypeAlias = Literal["macro_f1", "pr_auc"]

# From the simplest on: among equals the earlier one is taken.
RECIPES: Final[tuple[Recipe, ...]] = get_args(Recipe)


class RecipeUnknown(TrainingError):
    """A recipe, or a criterion to compare them by, that there is not."""

    def __init__(self, what: str, name: str, allowed: tuple[str, ...]) -> None:
        super().__init__(what, name, allowed)
        self.what, self.name, self.allowed = what, name, allowed

    def __str__(self) -> str:
        return f"{self.what} {self.name!r} is unknown, allowed: {', '.join(self.allowed)}"


def check_recipe(imbalance: str, criterion: str) -> None:
    """Raise `RecipeUnknown` for a word that is none of the choices."""
    for what, name, allowed in (
        ("imbalance", imbalance, get_args(Imbalance)),
        ("criterion", criterion, get_args(Criterion)),
    ):
        if name not in allowed:
            raise RecipeUnknown(what, name, allowed)
