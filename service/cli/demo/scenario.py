"""Where do the demo's items come from: synthetic tickets, or the rows of a labelled file."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from model_store import Model, read_seen
from model_store.data.rows import Rows, read_rows
from service.cli.demo.errors import DemoError
from service.cli.demo.traffic import Message
from service.cli.tickets import FRAUD_SHARE, NOTE, generate, write_csv

TRAINING_TICKETS = 20_000
CHUNK = 4_096
MORE_FRAUD = 8.0  # times its share
REWORDED = 0.6  # of that fraud is of a kind the model was never shown
MORE_ROWS = 3.0
MOST_PATIENCE = 4.0  # times the planned items are sent at most


class Scenario(Protocol):
    """A labelled file to fit on, and a stream that can be moved.

    Attributes
    ----------
    factor, reworded : float
        Once moved, the watched class has so many times its share, of which so much is new to the model.
    richer, patience : float
        What is expected of the model: a batch holds the class at so many times its share of the traffic, and
        the change is noticed within so many times the planned items.
    """

    data: Path
    text: str
    label: str
    source: str | None
    watched: str
    share: float
    note: str
    factor: float
    reworded: float
    richer: float
    patience: float

    def messages(self, model: Model, *, moved: bool, seed: int) -> Iterator[Message]:
        """Yield an endless stream, before or after the change."""
        ...


@dataclass(slots=True)
class Tickets:
    """Synthetic support tickets: five classes, three channels, 2 % fraud."""

    data: Path
    seed: int
    text: str = "text"
    label: str = "label"
    source: str | None = "channel"
    watched: str = "fraud"
    share: float = FRAUD_SHARE
    note: str = NOTE
    factor: float = MORE_FRAUD
    reworded: float = REWORDED
    richer: float = 3.0
    patience: float = 2.0

    def __post_init__(self) -> None:
        write_csv(self.data, generate(TRAINING_TICKETS, seed=self.seed, fraud_share=self.share))

    def messages(self, model: Model, *, moved: bool, seed: int) -> Iterator[Message]:
        """Yield new tickets; once moved there is more fraud, and part of it is worded as never before."""
        del model
        share, reworded = (self.share * self.factor, self.reworded) if moved else (self.share, 0.0)
        for chunk in itertools.count():
            tickets = generate(CHUNK, seed=seed + 1_000 * (chunk + 1), fraud_share=share, reworded=reworded)
            for ticket in tickets:
                yield Message(f"{seed}-{chunk}-{ticket.id}", ticket.text, ticket.channel, ticket.label)


@dataclass(slots=True)
class LabelledFile:
    """The rows of a file that the bundle was not made from, drawn with replacement."""

    data: Path
    text: str
    label: str
    watched: str = ""
    share: float = 0.0
    source: str | None = None
    note: str = "rows of the file that the model has not seen, drawn with replacement"
    factor: float = MORE_ROWS
    reworded: float = 0.0
    richer: float = 1.0  # a few rows may be all there is of the class, to learn it and to plan with
    patience: float = MOST_PATIENCE
    _rows: Rows = field(init=False, repr=False)
    _unseen: npt.NDArray[np.intp] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._rows = read_rows(self.data, text=self.text, label=self.label)
        counts = Counter(self._rows.labels)
        rarest = min(counts, key=lambda name: (counts[name], name))
        self.watched = self.watched or rarest
        if self.watched not in counts:
            raise DemoError(
                f"--watch {self.watched!r}: no such label; choose from {', '.join(sorted(counts))}"
            )
        self.share = counts[self.watched] / counts.total()

    def messages(self, model: Model, *, moved: bool, seed: int) -> Iterator[Message]:
        """Yield unseen rows; once moved the watched class is drawn so many times as often."""
        rows, fresh = self._rows, self._fresh(model)
        names = rows.labels or ()
        labels = np.asarray(names)[fresh]
        watched = labels == self.watched
        if not 0 < watched.sum() < watched.size:
            raise DemoError(
                f"the model has seen every row of class {self.watched!r} or of the others; use a larger file"
            )
        share = min(watched.mean() * (self.factor if moved else 1.0), 0.9)
        weights = np.where(watched, share / watched.sum(), (1 - share) / (~watched).sum())
        rng = np.random.default_rng(seed)
        for chunk in itertools.count():
            for index, row in enumerate(rng.choice(fresh, size=CHUNK, p=weights)):
                yield Message(f"{seed}-{chunk}-{index}", rows.texts[row], "other", names[row])

    def _fresh(self, model: Model) -> npt.NDArray[np.intp]:
        """Return the indices of the rows that the model was not made from; looked for once."""
        from model_store.data.signatures import matches, minhash  # noqa: PLC0415 - datasketch loads when needed

        if self._unseen is None:
            seen = read_seen(model.bundle).signatures
            self._unseen = np.flatnonzero(~matches(minhash(self._rows.texts), seen))
        return self._unseen
