"""Where does each candidate stand, so that those far apart can be taken? By the bundle's own vectors, if any.

They are made of the few candidates that are spread, when a batch is made, by a graph that is opened for it
and let go with it. Whatever fails on the way costs that, never the batch.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from model_store.data.ngrams import Vectors
from monitoring.waves.views import Embed, VectorKind, View

log: Final = logging.getLogger(__name__)


class Placed:
    """Vectors of the candidates of one wave by row, all of one kind.

    Parameters
    ----------
    view : View, optional
        What makes them; without it nobody stands anywhere.
    """

    def __init__(self, view: View | None) -> None:
        self.kind: VectorKind | None = None
        self._view = view
        self._open = None if view is None else view.open_embedding
        self._embed: Embed | None = None
        self._known: dict[int, Vectors] = {}

    def of(self, contents: Mapping[int, str]) -> Vectors | None:
        """Return a vector of length 1 per row, float32 of shape (n_rows, n_dimensions), in the order given.

        None where nothing makes vectors of them.

        Parameters
        ----------
        contents : mapping of int to str
            By row; a row that was asked for before is not read again.
        """
        if (opens := self._open) is not None:
            try:
                return self._embedded(contents, opens)
            except Exception as error:  # the observer boundary: a batch does not depend on its vectors
                self._fail(error)
        if self._view is None or self._view.vectors is None:
            return None
        self.kind = "ngrams"
        return self._completed(contents, self._view.vectors)

    def _embedded(self, contents: Mapping[int, str], opens: Callable[[], Embed]) -> Vectors:
        self._embed = self._embed or opens()
        found = self._completed(contents, self._embed)
        self.kind = "embedding"
        return found

    def _completed(self, contents: Mapping[int, str], make: Embed) -> Vectors:
        fresh = [row for row in contents if row not in self._known]
        if fresh:
            made = make([contents[row] for row in fresh])
            self._known.update(zip(fresh, made, strict=True))
        return np.array([self._known[row] for row in contents], np.float32)

    def _fail(self, error: Exception) -> None:
        """Go on by what the view makes: vectors of two kinds cannot be compared."""
        self._open = self._embed = self.kind = None
        self._known.clear()
        if self._view is not None:
            self._view.on_failure("wave")
        log.warning("novel items are not spread by the bundle's embedding: %s", type(error).__name__)
