"""Interval controls: may scores, or labels of items chosen by score, make estimates sharper?

A class of 1.6 % in 20,000 items; the model's scores are calibrated, or half of the class is a new wording
that it does not see. The share of the class from 150 draws, three ways: by the draws alone; by the difference
estimator, which corrects the mean score of the traffic (Saerndal, Swensson and Wretman 1992); and by draws
among what a batch did not choose by score, whose labels are known (an ideal: no item is sent twice). Then the
recall from an audit of 300, which draws likely items more often, with the effective size and as the product
does.

    python -m benchmarks.interval_controls [--runs 4000]
"""

import argparse
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv
from scipy.stats import t

from benchmarks.machine import machine_line
from monitoring.waves.intervals import Weighed, shares

Floats: TypeAlias = npt.NDArray[np.float64]
Found: TypeAlias = tuple[float, float, float]

N: Final = 20_000
DRAWS: Final = 150
CHOSEN: Final = 550
AUDITED: Final = 300
FLOOR: Final = 0.0005
THRESHOLD: Final = 0.2
_TAIL: Final = 0.025


def population(missed: float, rng: np.random.Generator) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return scores and labels; a share `missed` of the class has the scores of anything."""
    p = 1 / (1 + np.exp(-rng.normal(np.log(0.02 / 0.98) - 2.2, 2.2, N)))
    positive = rng.random(N) < p
    unseen = np.flatnonzero(positive & (rng.random(N) < missed))
    scores = p.copy()
    scores[unseen] = np.quantile(p, rng.random(len(unseen)) / 2)
    return scores, positive


def of_shares(
    scores: Floats, positive: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Iterator[tuple[str, Found]]:
    """Yield estimate, low and high of the class's share, by each way, from one sample."""
    chosen = np.zeros(N, np.bool_)
    chosen[np.argsort(-scores)[:CHOSEN]] = True
    rows = rng.choice(N, DRAWS, replace=False)
    yield "draws alone", _exact(float(positive[rows].sum()), DRAWS)
    residuals = positive[rows] - scores[rows]
    middle = float(scores.mean() + residuals.mean())
    half = float(t.ppf(1 - _TAIL, DRAWS - 1) * residuals.std(ddof=1) / np.sqrt(DRAWS))
    yield "difference", (middle, middle - half, middle + half)
    rest = rows[~chosen[rows]]
    known, share = float(positive[chosen].sum()), (N - CHOSEN)
    estimate, low, high = ((known + p * share) / N for p in _exact(float(positive[rest].sum()), len(rest)))
    yield "chosen known", (estimate, low, high)


def of_recalls(
    scores: Floats, positive: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Iterator[tuple[str, Found]]:
    """Yield estimate, low and high of the recall, by effective size and melded, from one audit."""
    chance = np.minimum(AUDITED * (scores + FLOOR) / (scores + FLOOR).sum(), 1.0)
    rows = np.flatnonzero(rng.random(N) < chance)
    weights, flagged, is_ = 1 / chance[rows], scores[rows] >= THRESHOLD, positive[rows]
    own = weights[is_]
    size = float(own.sum() ** 2 / (own**2).sum()) if len(own) else 0.0
    recall = float(weights[is_ & flagged].sum() / own.sum()) if len(own) else 0.0
    yield "audit, effective size", _exact(recall * size, size)
    sides = [(is_ & said, said) for said in (flagged, ~flagged)]
    won, lost = (_weighed(weights[which], weights[among]) for which, among in sides)
    found = shares(won, lost)
    yield "audit, melded", (float(found.estimate[0]), float(found.low[0]), float(found.high[0]))


def _weighed(weights: Floats, among: Floats) -> Weighed:
    beyond = float((among * (among - 1)).sum() / max(among.sum(), 1.0))
    variance = float((weights * (weights - 1)).sum())
    return Weighed(*(np.array([each]) for each in (float(weights.sum()), variance, beyond)))


def _exact(x: float, n: float) -> Found:
    low = float(betaincinv(x, n - x + 1, _TAIL)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, n - x, 1 - _TAIL)) if n - x > 1e-9 else 1.0
    return (x / n if n else np.nan), low, high


def main(argv: Sequence[str] | None = None) -> None:
    """Print coverage, width and error of each way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=4_000)
    asked = parser.parse_args(argv)
    print(machine_line())
    for missed in (0.0, 0.5):
        rng = np.random.default_rng(0)
        scores, positive = population(missed, rng)
        truth = {
            of_shares: float(positive.mean()),
            of_recalls: float((scores[positive] >= THRESHOLD).mean()),
        }
        print(f"\nof the class {missed:.0%} unseen      truth   holds   width    rmse    bias")
        for way, true in truth.items():
            found: dict[str, list[Found]] = {}
            for _ in range(asked.runs):
                for name, each in way(scores, positive, rng):
                    found.setdefault(name, []).append(each)
            for name, values in found.items():
                estimate, low, high = np.array(values).T
                holds, width = ((low <= true) & (true <= high)).mean(), (high - low).mean()
                error = estimate[np.isfinite(estimate)] - true
                print(
                    f"{name:28s}{true:8.4f}{holds:8.3f}{width:8.4f}"
                    f"{np.sqrt((error**2).mean()):8.4f}{error.mean():+8.4f}"
                )


if __name__ == "__main__":
    main()
