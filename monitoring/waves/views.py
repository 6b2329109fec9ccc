"""How are the contents of items told apart: which marks say what is new, which vectors what is far apart?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from model_store.data import ngrams, wordmarks
from model_store.data.ngrams import Vectors
from model_store.data.rowmarks import Binning, values_of
from model_store.data.wordmarks import Marks


@dataclass(frozen=True, slots=True)
class View:
    """What reads contents, as `contents.content_of` writes them.

    Attributes
    ----------
    marks : callable
        From n contents to uint16 of shape (n, 64), see `model_store.data.wordmarks`.
    vectors : callable, optional
        From n contents to float32 of shape (n, n_dimensions), of length 1; without it nothing is spread.
    """

    marks: Callable[[Sequence[str]], Marks]
    vectors: Callable[[Sequence[str]], Vectors] | None = None


TEXTS: Final = View(wordmarks.marks, ngrams.vectors)


def of_rows(binning: Binning) -> View:
    """Return how the rows of a table are told apart: to spread them costs new rows (decision 0017)."""
    return View(lambda contents: binning.marks([values_of(each) for each in contents]))
