"""Penalty: how strongly are the coefficients of a text model held back, given its rows and classes?

Few rows of many classes want a weak penalty, many rows of few classes a strong one: where labels are noisy,
as of hate speech, a weak one learns the rare rows by heart and ranks the class worse. One rule does both.
"""

from typing import Final

from model_store.graphs.outputs import Task

# Of coefficients beside the sum over classes of each class's mean cost; docs/decisions/0022 has what it does.
_INVERSE_PENALTY_OF_MEANS: Final = 2_000.0
# Beyond these nothing was gained on the sets it was tried on, and a weaker penalty takes longer to fit.
_STRONGEST: Final = 0.3
_WEAKEST: Final = 10.0
# Labels that are fitted each against the rest want less where they are rare: no rule was better on all sets.
_OF_SEVERAL_LABELS: Final = 3.0


def inverse_penalty(n_rows: int, n_classes: int, task: Task) -> float:
    """Return what scikit-learn calls C: 2,000 n_classes / n_rows, in .3 to 10; 3 with several labels an item.

    With weights N / (K n_c) the costs of the rows sum to N / K times the sum of each class's mean cost. So
    C = c K / N is a constant penalty, |coefficients|^2 / (2 c), beside the classes' mean costs: it depends
    neither on how many rows there are nor on how many classes they are divided among.

    Parameters
    ----------
    n_rows : int
        Of training, of any weight.

    Examples
    --------
    6,000 tweets of 3 classes, and 4,400 requests of 151:

    >>> inverse_penalty(6_000, 3, "multiclass"), inverse_penalty(4_400, 151, "multiclass")
    (1.0, 10.0)
    """
    if task == "multilabel":
        return _OF_SEVERAL_LABELS
    return min(max(_INVERSE_PENALTY_OF_MEANS * n_classes / n_rows, _STRONGEST), _WEAKEST)
