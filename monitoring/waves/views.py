"""How are the contents of items told apart: which marks say what is new, which vectors what is far apart?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from model_store.data import ngrams, wordmarks
from model_store.data.ngrams import Vectors
from model_store.data.rowmarks import Binning, values_of
from model_store.data.wordmarks import Marks

VectorKind: TypeAlias = Literal["embedding", "ngrams"]
Embed: TypeAlias = Callable[[Sequence[str]], Vectors]  # from n contents to (n, n_dimensions), of length 1


def _ignored(_stage: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class View:
    """What reads contents, as `contents.content_of` writes them.

    Attributes
    ----------
    marks : callable
        From n contents to uint16 of shape (n, 64), see `model_store.data.wordmarks`.
    vectors : callable, optional
        Hashed vectors of contents; without them only an embedding spreads.
    open_embedding : callable, optional
        Opens the bundle's own graph of vectors, which go before hashed ones. It may raise anything, and so
        may what it returns.
    on_failure : callable
        Told `"wave"` when that happens.
    """

    marks: Callable[[Sequence[str]], Marks]
    vectors: Embed | None = None
    open_embedding: Callable[[], Embed] | None = None
    on_failure: Callable[[str], None] = _ignored


TEXTS: Final = View(wordmarks.marks, ngrams.vectors)


def of_rows(binning: Binning) -> View:
    """Return how the rows of a table are told apart: to spread them costs new rows (decision 0017)."""
    return View(lambda contents: binning.marks([values_of(each) for each in contents]))
