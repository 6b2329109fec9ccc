"""Selection: which of several ways to train does best on rows it has not seen?

Recipes are compared by grouped cross-validation on macro-F1 or PR-AUC, never on accuracy: a model that never
says a class of 2 % is right in 98 % of all cases. Near-duplicates stay in one fold.

The winner is the recipe with the best mean, unless a simpler one (earlier in the list) is within one standard
error of it: of the *difference*, fold by fold, since recipes see the same folds and what makes a fold hard
makes it hard for all of them (Breiman et al. 1984, "Classification and regression trees", section 3.4.3, for
the rule; docs/decisions/0010 for what it chose).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold

from model_store.data.indicators import AnyLabels, indicators, rarest
from model_store.data.rows import Progress
from model_store.errors import TrainingError
from model_store.training.imbalance import RowNumbers
from model_store.training.recipes import Criterion

Scores: TypeAlias = npt.NDArray[np.floating[Any]]  # (n_rows, n_classes), probabilities or the like of them
# recipe -> probabilities of a fold's held-out rows, fitted on its other rows
OpenFold: TypeAlias = Callable[[str], Scores]

FOLDS: Final = 3
STAGE: Final = "select"


@dataclass(frozen=True, slots=True)
class Tried:
    """One recipe and how it did; figures are None where a recipe was given and nothing was compared.

    Parameters
    ----------
    recipe : str
    mean : float, optional
        The criterion on rows held out, averaged over the folds.
    standard_error : float, optional
        Of that mean, over the folds.
    behind : float, optional
        How far the mean lies under the best one; 0 for the best.
    behind_error : float, optional
        Standard error of that difference, fold by fold; 0 for the best.
    seconds : float, optional
        What fitting and scoring in all folds took, without what recipes share.
    """

    recipe: str
    mean: float | None = None
    standard_error: float | None = None
    behind: float | None = None
    behind_error: float | None = None
    seconds: float | None = None

    @property
    def within_noise(self) -> bool:
        """Whether it cannot be told from the best one."""
        return self.behind is not None and self.behind_error is not None and self.behind <= self.behind_error

    def to_json(self) -> dict[str, Any]:
        """Return a row of the table of what was tried."""
        return {
            "recipe": self.recipe,
            "mean": self.mean,
            "standard_error": self.standard_error,
            "behind": self.behind,
            "behind_error": self.behind_error,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """What was compared, in the order of the list, and which recipe won."""

    tried: tuple[Tried, ...]
    chosen: str


class TooFewGroups(TrainingError):
    """There are not enough rows that are no near-duplicates of each other to hold some out."""

    def __init__(self, groups: int, needed: int) -> None:
        super().__init__(groups, needed)
        self.groups, self.needed = groups, needed

    def __str__(self) -> str:
        return (
            f"the training rows are {self.groups} groups of near-duplicates, comparing recipes needs "
            f"{self.needed}: name one recipe of imbalance, or add rows"
        )


def select(
    recipes: Sequence[str],
    labels: AnyLabels,
    groups: npt.NDArray[np.integer[Any]],
    open_fold: Callable[[RowNumbers, RowNumbers], OpenFold],
    *,
    n_classes: int,
    criterion: Criterion,
    seed: int,
    progress: Progress,
) -> Selection:
    """Return how each recipe does on rows held out, and the one to take; a single one is taken as it is.

    Parameters
    ----------
    recipes : sequence of str
        From the simplest on.
    labels : int array of shape (n_rows,), or bool array of shape (n_rows, n_classes)
    groups : int array of shape (n_rows,)
        Rows of one group stay together.
    open_fold : callable
        Called once a fold with the numbers of the rows to fit on and of those held out; what recipes share,
        such as a vocabulary, is worked out there, and from the first rows only.
    progress : callable
        Called with ("select", done, total).

    Raises
    ------
    TooFewGroups
    """
    if len(recipes) == 1:
        return Selection((Tried(recipes[0]),), recipes[0])
    folds = grouped_folds(labels, groups, n_classes=n_classes, seed=seed)
    scores = np.zeros((len(recipes), len(folds)))
    seconds = np.zeros(len(recipes))
    done, total = 0, scores.size
    for at, (fitted, held_out) in enumerate(folds):
        progress(STAGE, done, total)
        fold = open_fold(fitted, held_out)
        for number, recipe in enumerate(recipes):
            started = time.perf_counter()
            scores[number, at] = score(fold(recipe), labels[held_out], criterion, n_classes=n_classes)
            seconds[number] += time.perf_counter() - started
            progress(STAGE, done := done + 1, total)
    return chosen(recipes, scores, seconds)


def grouped_folds(
    labels: AnyLabels, groups: npt.NDArray[np.integer[Any]], *, n_classes: int, seed: int, folds: int = FOLDS
) -> list[tuple[RowNumbers, RowNumbers]]:
    """Return row numbers to fit on and to hold out, a fold each; groups whole, classes spread evenly.

    A row of several labels counts for the rarest of them. A class of fewer rows than folds misses from some.
    """
    if (found := len(np.unique(groups))) < folds:
        raise TooFewGroups(found, folds)
    _, strata, counts = np.unique(rarest(labels, n_classes), return_inverse=True, return_counts=True)
    # scikit-learn warns of classes of fewer rows than folds: together they are one, or go with the commonest.
    small = counts[strata] < folds
    strata[small] = counts.argmax() if small.sum() < folds else -1
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(strata, strata, groups))


def score(probabilities: Scores, labels: AnyLabels, criterion: Criterion, *, n_classes: int) -> float:
    """Return macro-F1 of the decisions or the mean average precision, over the classes that have rows.

    Decisions are the most probable class, or with several labels an item each label from 0.5 on.
    """
    truth = indicators(labels, n_classes)
    present = np.flatnonzero(truth.any(axis=0))
    if criterion == "pr_auc":
        return float(np.mean([average_precision_score(truth[:, k], probabilities[:, k]) for k in present]))
    if labels.ndim == 2:
        decided = probabilities >= 0.5
    else:
        decided = indicators(probabilities.argmax(axis=1), n_classes)
    return float(f1_score(truth[:, present], decided[:, present], average="macro", zero_division=0))


def chosen(
    recipes: Sequence[str], scores: npt.NDArray[np.float64], seconds: npt.NDArray[np.float64]
) -> Selection:
    """Return the table of means, and the first recipe that is within one standard error of the best.

    Parameters
    ----------
    recipes : sequence of str
        From the simplest on.
    scores : float64 array of shape (n_recipes, n_folds)
        Higher is better.
    """
    means = scores.mean(axis=1)
    behind = scores[means.argmax()] - scores
    rows = zip(recipes, means, _error(scores), behind.mean(axis=1), _error(behind), seconds, strict=True)
    tried = tuple(starmap(Tried, ((name, *map(float, figures)) for name, *figures in rows)))
    return Selection(tried, next(each.recipe for each in tried if each.within_noise))


def _error(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    errors: npt.NDArray[np.float64] = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
    return errors
