"""Interval rivals: which interval of a share holds what it says, with few positives and unequal weights?

Classes of 1 to 6 % whose recall is .3 to .95, in traffic of one or several pieces whose draws stand for
unequally much. Draws are without replacement from a population whose shares are known; each line is a design,
each pair of figures the least coverage over all classes and recalls and the mean width.

    python -m benchmarks.interval_rivals [--runs 2000] [--figure share|recall|f1]
"""

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv
from scipy.stats import norm

from benchmarks.machine import machine_line
from monitoring.waves.intervals import Weighed, shares

Floats: TypeAlias = npt.NDArray[np.float64]
Bounds: TypeAlias = tuple[Floats, Floats]

TAIL: Final = 0.025
SHARES: Final = (0.01, 0.02, 0.03, 0.045, 0.06)
RECALLS: Final = (0.3, 0.6, 0.85, 0.95)
PRECISION: Final = 0.5
FIGURES: Final = ("share", "recall", "f1")
_HALVINGS: Final = 24
_Z: Final = float(norm.ppf(1 - TAIL))


@dataclass(frozen=True, slots=True)
class Design:
    """Occurrences and draws of each piece of traffic, and factors of the class's share and recall there."""

    occurrences: tuple[int, ...]
    draws: tuple[int, ...]
    shares: tuple[float, ...] = (1.0,)
    recalls: tuple[float, ...] = (1.0,)


DESIGNS: Final[Mapping[str, Design]] = {
    "150 draws, one source": Design((20_000,), (150,)),
    "600 draws, one source": Design((20_000,), (600,)),
    "three sources": Design((12_000, 7_000, 1_000), (90, 52, 8)),
    "capped source, weights 5:1": Design((16_000, 4_000), (75, 75), (1.0, 2.0), (0.7, 1.0)),
    "two waves, weights 10:1": Design((100_000, 10_000), (150, 150), (1.0, 3.0), (0.6, 1.0)),
    "the same, rare in the light": Design((100_000, 10_000), (150, 150), (1.0, 0.1)),
    "six waves, weights 50:1": Design(
        (50_000, 20_000, 10_000, 5_000, 2_000, 1_000), (30,) * 6, (0.5, 0.8, 1.1, 1.4, 1.7, 2.0)
    ),
    "150 of 400": Design((400,), (150,)),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Draws for and against a share, shape (n_pieces, n_runs), and what one stands for, (n_pieces, 1)."""

    won: Floats
    lost: Floats
    each: Floats
    further: Floats

    @property
    def theta(self) -> Floats:
        """The weighted share of what speaks for it; 0 of nothing."""
        whole = ((self.won + self.lost) * self.each).sum(axis=0)
        hits = (self.won * self.each).sum(axis=0)
        return np.asarray(np.divide(hits, whole, out=np.zeros_like(whole), where=whole > 0), np.float64)

    @property
    def kish(self) -> Floats:
        """The effective number of draws."""
        n = self.won + self.lost
        squares = (n * self.each**2).sum(axis=0)
        size = (n * self.each).sum(axis=0) ** 2 / np.where(squares > 0, squares, 1.0)
        return np.asarray(np.maximum(size, 1e-9), np.float64)

    @property
    def variance(self) -> Floats:
        """Of theta, linearised."""
        theta, whole = self.theta, ((self.won + self.lost) * self.each).sum(axis=0)
        residuals = self.won * (1 - theta) ** 2 + self.lost * theta**2
        return np.asarray(
            (residuals * self.each * (self.each - 1)).sum(axis=0) / np.maximum(whole, 1e-9) ** 2
        )

    def weighed(self, counts: Floats) -> Weighed:
        """Return counts in occurrences."""
        beyond = counts * self.each * (self.each - 1)
        return Weighed((counts * self.each).sum(axis=0), beyond.sum(axis=0), self.further)


def wald(drawn: Drawn) -> Bounds:
    """Return the normal interval with the linearised variance."""
    half = _Z * np.sqrt(drawn.variance)
    return drawn.theta - half, drawn.theta + half


def wilson(drawn: Drawn) -> Bounds:
    """Return the score interval of Wilson with Kish's effective size."""
    theta, n = drawn.theta, drawn.kish
    half: Floats = _Z * np.sqrt(theta * (1 - theta) / n + _Z**2 / (4 * n * n))
    low: Floats = (theta + _Z**2 / (2 * n) - half) / (1 + _Z**2 / n)
    high: Floats = (theta + _Z**2 / (2 * n) + half) / (1 + _Z**2 / n)
    return low, high


def jeffreys(drawn: Drawn) -> Bounds:
    """Return the interval of Jeffreys' prior with Kish's effective size."""
    a, b = drawn.theta * drawn.kish + 0.5, (1 - drawn.theta) * drawn.kish + 0.5
    return np.asarray(betaincinv(a, b, TAIL), np.float64), np.asarray(betaincinv(a, b, 1 - TAIL), np.float64)


def kish(drawn: Drawn) -> Bounds:
    """Return Clopper and Pearson's interval with Kish's effective size."""
    return _exact(drawn.theta, drawn.kish)


def korn_graubard(drawn: Drawn) -> Bounds:
    """Return Clopper and Pearson's interval with the effective size of the estimated variance."""
    theta, variance = drawn.theta, drawn.variance
    n = np.divide(theta * (1 - theta), variance, out=drawn.kish.copy(), where=variance > 1e-12)
    return _exact(theta, n)


def melded(drawn: Drawn) -> Bounds:
    """Return the product's interval."""
    found = shares(drawn.weighed(drawn.won), drawn.weighed(drawn.lost))
    return found.low, found.high


def mid_p(drawn: Drawn) -> Bounds:
    """Return the mid-p version of the product's interval."""
    won, lost = drawn.weighed(drawn.won), drawn.weighed(drawn.lost)
    pairs = ((won, lost.from_above()), (won.from_above(), lost))
    bounds = []
    for q in (TAIL, 1 - TAIL):
        low, high = np.zeros_like(won.total), np.ones_like(won.total)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            below = (_below(*pairs[0], middle) + _below(*pairs[1], middle)) / 2 < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        bounds.append((low + high) / 2)
    return np.where(won.total > 0, bounds[0], 0.0), np.where(lost.total > 0, bounds[1], 1.0)


def _below(won: Weighed, lost: Weighed, x: Floats) -> Floats:
    (a, unit), (b, other) = won.gamma(), lost.gamma()
    found = betainc(a, b, other * x / (other * x + unit * (1 - x)))
    return np.where(won.total <= 0, 1.0, np.where(lost.total <= 0, 0.0, found))


def _exact(theta: Floats, n: Floats) -> Bounds:
    x = theta * n
    low = np.where(x > 1e-9, betaincinv(np.maximum(x, 1e-9), n - x + 1, TAIL), 0.0)
    high = np.where(n - x > 1e-9, betaincinv(x + 1, np.maximum(n - x, 1e-9), 1 - TAIL), 1.0)
    return low, high


RIVALS: Final[Mapping[str, Callable[[Drawn], Bounds]]] = {
    "Wald": wald,
    "Wilson": wilson,
    "Jeffreys": jeffreys,
    "C-P, Kish": kish,
    "Korn-Gr.": korn_graubard,
    "mid-p": mid_p,
    "melded": melded,
}


def drawn_for(
    design: Design, figure: str, share: float, recall: float, *, runs: int, rng: np.random.Generator
) -> tuple[float, Drawn]:
    """Return the true share that a figure is about, and what `runs` samples show for and against it."""
    n = np.array(design.occurrences)
    own = np.rint(n * np.minimum(share * np.resize(design.shares, len(n)), 0.5)).astype(int)
    found = np.rint(own * np.minimum(recall * np.resize(design.recalls, len(n)), 1.0)).astype(int)
    wrong = np.rint(found * (1 - PRECISION) / PRECISION).astype(int)
    cells = np.stack([found, own - found, wrong, n - own - wrong], axis=1)
    counts = np.stack(
        [
            rng.multivariate_hypergeometric(each, d, size=runs)
            for each, d in zip(cells, design.draws, strict=True)
        ]
    ).astype(np.float64)
    won, lost = {"share": ([0, 1], [2, 3]), "recall": ([0], [1]), "f1": ([0], [1, 2])}[figure]
    each = (n / np.array(design.draws))[:, None]
    typical = float((n * (each[:, 0] - 1)).sum() / n.sum())
    total = cells.sum(axis=0)
    truth = total[won].sum() / max(total[won].sum() + total[lost].sum(), 1)
    return float(truth), Drawn(
        counts[:, :, won].sum(axis=2), counts[:, :, lost].sum(axis=2), each, np.full(runs, typical)
    )


def compared(
    figure: str, *, runs: int, seed: int = 0
) -> Iterator[tuple[str, dict[str, tuple[float, float]]]]:
    """Yield, for each design, least coverage and mean width of each rival."""
    rng = np.random.default_rng(seed)
    for name, design in DESIGNS.items():
        held: dict[str, list[tuple[float, float]]] = {}
        for share, recall in itertools.product(SHARES, RECALLS if figure != "share" else (0.85,)):
            truth, drawn = drawn_for(design, figure, share, recall, runs=runs, rng=rng)
            nothing = (drawn.won + drawn.lost).sum(axis=0) == 0
            for rival, bounds in RIVALS.items():
                low, high = (np.clip(each, 0, 1) for each in bounds(drawn))
                low, high = np.where(nothing, 0.0, low), np.where(nothing, 1.0, high)
                inside = (low <= truth + 1e-6) & (truth - 1e-6 <= high)
                held.setdefault(rival, []).append((float(inside.mean()), float((high - low).mean())))
        yield (
            name,
            {
                rival: (min(c for c, _ in each), float(np.mean([w for _, w in each])))
                for rival, each in held.items()
            },
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table of each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--figure", choices=FIGURES, action="append")
    asked = parser.parse_args(argv)
    print(machine_line())
    for figure in asked.figure or FIGURES:
        print(f"\n{figure:29s}" + "".join(f"{rival:>14s}" for rival in RIVALS))
        for name, found in compared(figure, runs=asked.runs):
            print(f"{name:29s}" + "".join(f"{c:8.3f} {w:.3f}" for c, w in found.values()), flush=True)


if __name__ == "__main__":
    main()
