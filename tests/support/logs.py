"""Logs as other systems write them, made up: a stream of labels whose mix is known."""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

START: Final = datetime(2024, 3, 4, tzinfo=UTC)  # a Monday
LABELS: Final = ("billing", "delivery", "account", "technical", "fraud")
SHARES: Final = (0.40, 0.30, 0.20, 0.08, 0.02)
HEADER: Final = ("timestamp", "prediction", "score", "channel", "id")


def moments(rows: int, *, days: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return seconds after the start, in order, spread over so many days."""
    return np.sort(rng.uniform(0.0, days * 86_400.0, rows))


def labels(
    when: npt.NDArray[np.float64],
    *,
    rng: np.random.Generator,
    factors: Mapping[str, float] | None = None,
    after: float = np.inf,
    daily: float = 0.0,
) -> list[str]:
    """Return a label for each moment.

    Parameters
    ----------
    factors, after
        From `after` days on a class's odds are multiplied.
    daily : float
        Amplitude of a daily season of the first class's odds.
    """
    odds = np.tile(SHARES, (len(when), 1))
    odds[:, 0] *= 1.0 + daily * np.sin(2 * np.pi * when / 86_400.0)
    for name, factor in (factors or {}).items():
        odds[when >= after * 86_400.0, LABELS.index(name)] *= factor
    edges = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
    chosen = (rng.random(len(when))[:, None] > edges).sum(axis=1).clip(max=len(LABELS) - 1)
    return [LABELS[k] for k in chosen.tolist()]


def rows_of(
    when: npt.NDArray[np.float64], said: Sequence[str], *, rng: np.random.Generator
) -> list[tuple[Any, ...]]:
    """Return rows with the columns of `HEADER`; scores do not depend on the label."""
    scores = rng.beta(8.0, 1.5, len(when)).round(4).tolist()
    channels = rng.choice(["email", "web"], len(when), p=[0.3, 0.7]).tolist()
    times = [(START + timedelta(seconds=seconds)).isoformat() for seconds in when.tolist()]
    return list(zip(times, said, scores, channels, range(len(when)), strict=True))


def write_csv(path: Path, rows: Sequence[Sequence[Any]], header: Sequence[str] = HEADER) -> Path:
    """Write a log and return its path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_log(path: Path, rows: int, *, days: float = 30.0, seed: int = 0, **mix: Any) -> Path:
    """Write a log of so many rows; `mix` goes to `labels`."""
    rng = np.random.default_rng(seed)
    when = moments(rows, days=days, rng=rng)
    return write_csv(path, rows_of(when, labels(when, rng=rng, **mix), rng=rng))
