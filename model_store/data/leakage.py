"""Leakage: how many rows of one set are nearly rows of another, so that figures about the other flatter?

Rows are compared by their signatures, see `model_store.data.signatures`: texts by likeness, rows of tables by
equality. What is reported about a row is its id or its number, never its content.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.data.parts import Splits
from model_store.data.rows import Rows
from model_store.data.signatures import SIMILARITY, THOROUGH_BANDS, Signatures, partners, similarities

# Grouping keeps rows apart down to `SIMILARITY`; between that and this they resemble each other and may sit
# in two parts: paraphrases, forms with other names filled in.
LOOSE_SIMILARITY: Final = 0.5
EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row and the one it nearly repeats, by id or number; `of` is None where rows have neither.

    `similarity` estimates the Jaccard similarity of their character 5-grams, 1 for equal rows.
    """

    row: str
    of: str | None
    similarity: float


@dataclass(frozen=True, slots=True)
class Leakage:
    """Rows of one set that nearly repeat a row of another.

    Parameters
    ----------
    count : int
        How many of the `checked` rows do, compared with `against` rows.
    similarity : float
        At least so much of two rows' 5-grams is common, by estimate.
    examples : tuple of Repeat
        The most alike, at most five.
    """

    count: int
    checked: int
    against: int
    similarity: float
    examples: tuple[Repeat, ...] = ()

    @property
    def share(self) -> float:
        """Share of the checked rows, 0 if there are none."""
        return self.count / self.checked if self.checked else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return what reports and `--json` show."""
        return {
            "count": self.count,
            "checked": self.checked,
            "against": self.against,
            "share": self.share,
            "similarity": self.similarity,
            "examples": [
                {"row": each.row, "of": each.of, "similarity": each.similarity} for each in self.examples
            ],
        }


def leakage(
    signatures: Signatures,
    against: Signatures,
    *,
    names: Sequence[str] | None = None,
    against_names: Sequence[str] | None = None,
    similarity: float = SIMILARITY,
    examples: int = EXAMPLES,
) -> Leakage:
    """Return which rows of `signatures` nearly repeat one of `against`.

    Parameters
    ----------
    signatures, against : uint32 array of shape (n_rows, 64)
    names, against_names : sequence of str, optional
        What to call the rows, see `names_of`. Without, the former are numbered from 1, the latter left out.
    similarity : float
        From .5 on every pair is found; below, some are not.

    Examples
    --------
    >>> from model_store.data.signatures import minhash
    >>> seen = minhash(["reset my password please"])
    >>> found = leakage(minhash(["Where is it?", "Reset my  password please"]), seen)
    >>> found.count, found.checked, found.examples[0].row
    (1, 2, 'row 2')
    """
    of = partners(signatures, against, threshold=similarity, bands=THOROUGH_BANDS)
    rows = np.flatnonzero(of >= 0)
    alike = similarities(signatures[rows], against[of[rows]])
    named = tuple(
        Repeat(
            f"row {rows[i] + 1}" if names is None else names[rows[i]],
            None if against_names is None else against_names[of[rows[i]]],
            float(alike[i]),
        )
        for i in np.argsort(-alike, kind="stable")[:examples]
    )
    return Leakage(len(rows), len(signatures), len(against), similarity, named)


def between(
    signatures: Signatures,
    splits: Splits,
    *,
    names: Sequence[str] | None = None,
    similarity: float = SIMILARITY,
    examples: int = EXAMPLES,
) -> dict[str, Leakage]:
    """Return for each part but the first how many of its rows nearly repeat a row of an earlier part.

    Every pair of rows in two parts is looked at once, and a row counts once.

    Parameters
    ----------
    signatures : uint32 array of shape (n_rows, 64)
        Of all rows that `splits` numbers.
    """
    called = [f"row {i + 1}" for i in range(len(signatures))] if names is None else names
    found: dict[str, Leakage] = {}
    earlier: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)
    for number, (part, members) in enumerate(splits.items()):
        if number > 0:
            found[part] = leakage(
                signatures[members],
                signatures[earlier],
                names=[called[i] for i in members],
                against_names=[called[i] for i in earlier],
                similarity=similarity,
                examples=examples,
            )
        earlier = np.concatenate([earlier, members])
    return found


def names_of(rows: Rows) -> tuple[str, ...]:
    """Return what to call each row: its id if there is one, else its number in the file."""
    return rows.ids or tuple(f"row {number}" for number in range(1, len(rows) + 1))
