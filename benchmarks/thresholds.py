"""How often is a threshold's claim wrong about the population, and what does being right cost?

Validation sets are drawn from a pool whose truth is known (`benchmarks.threshold_pools`), with 22 to 352
positives on average. On each, `model_store.promises.guarantees` and others (`benchmarks.threshold_rivals`)
set thresholds for the same targets, and the population says whether the targets are met. A claim that is
`certified` may be wrong in a share delta of the sets; more than delta plus three standard errors of that
share fails this benchmark.

    python -m benchmarks.thresholds [--runs 200] [--pool all]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

import numpy as np
from scipy.special import expit

from benchmarks.machine import machine_line
from benchmarks.threshold_pools import HATE, Pool, Synthetic, Truth, hate_pool
from benchmarks.threshold_rivals import Flags, Scores, controller, sweep, tuner
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import Target, parse_target

POSITIVES: Final = (22, 43, 108, 352)
DELTA: Final = 0.1
OURS: Final = "seamark"
JOINT: Final = "all classes jointly"

Price: TypeAlias = Literal["recall", "precision"]
Rival: TypeAlias = Callable[[Scores, Flags, Target], float | None]

# Per pool: the targets, each with the aspect that is paid to meet it.
QUESTIONS: Final[Mapping[str, Mapping[str, Price]]] = {
    "synthetic": {
        "rare:recall=0.85": "precision",
        "rare:precision=0.7": "recall",
        "rare:precision=0.7,certify=true": "recall",
        "rare:recall=0.7,precision=0.5": "precision",
        "rare:recall=0.85,precision=0.7,priority=abstain,certify=true": "recall",
    },
    "tweets": {
        "hate:recall=0.85": "precision",
        "hate:precision=0.4": "recall",
        "hate:precision=0.4,certify=true": "recall",
        "hate:recall=0.5,precision=0.3": "precision",
        "hate:recall=0.85,precision=0.4,priority=abstain,certify=true": "recall",
    },
}
RIVALS: Final[Mapping[str, Rival]] = {
    "naive sweep": sweep,
    "TunedThresholdClassifierCV": tuner,
    "MAPIE": partial(controller, delta=DELTA),
    "MAPIE, fixed sequence": partial(controller, delta=DELTA, fixed_sequence=True),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One validation set: whether something was promised, whether it was wrong, and what it cost.

    `price` is the population's precision where a recall was asked for, else its recall; `review` the share of
    all items left to people.
    """

    promised: bool
    wrong: bool
    price: float
    review: float = 0.0


@dataclass(frozen=True, slots=True)
class Summary:
    """All validation sets of one question, size and method; `certified` says that the promise has a proof."""

    outcomes: Sequence[Outcome]
    certified: bool

    @property
    def promised(self) -> float:
        """Share of the sets with a promise."""
        return float(np.mean([o.promised for o in self.outcomes]))

    @property
    def wrong(self) -> float:
        """Share of all sets whose promise is wrong; a set without one cannot be."""
        return float(np.mean([o.promised and o.wrong for o in self.outcomes]))

    @property
    def price(self) -> float:
        """Mean over the sets with a promise."""
        prices = [o.price for o in self.outcomes if o.promised]
        return float(np.mean(prices)) if prices else float("nan")

    def exceeds(self, delta: float) -> bool:
        """Whether a certified promise is wrong more often than chance explains."""
        return self.certified and self.wrong > limit(delta, len(self.outcomes))

    def cell(self) -> str:
        """Return wrong, promised, price, and reviews where there are any."""
        review = float(np.mean([o.review for o in self.outcomes if o.promised] or [0.0]))
        reviewed = f", {review:.1%} to people" if review else ""
        price = "-" if np.isnan(self.price) else f"{self.price:.3f}"
        return f"{self.wrong:.3f} of {self.promised:.0%}; {price}{reviewed}"


def limit(delta: float, runs: int) -> float:
    """Return delta plus three standard errors of a share over `runs`.

    Examples
    --------
    >>> round(limit(0.1, 200), 4)
    0.1636
    """
    return delta + 3 * (delta * (1 - delta) / runs) ** 0.5


def measure(
    pool: Pool, text: str, price: Price, *, positives: int, runs: int, seed: int
) -> dict[str, Summary]:
    """Return every method's summary for the target `text`."""
    target = parse_target(text)
    rng = np.random.default_rng([seed, positives])
    found: dict[str, list[Outcome]] = {}
    status = _status(target)
    for _ in range(runs):
        probabilities, labels = pool.draw(rng, round(positives / pool.share))
        fitted = fit_thresholds(probabilities, labels, pool.classes, [target], delta=DELTA)[pool.rare]
        above = pool.truth(pool.rare, fitted.threshold)
        low = fitted.threshold if fitted.review_from is None else fitted.review_from
        kept = Truth(pool.truth(pool.rare, low).recall, above.precision)
        review = 0.0 if fitted.review_from is None else _between(pool, low, fitted.threshold)
        found.setdefault(f"{OURS}, {status}", []).append(
            Outcome(fitted.status == status, _misses(kept, target), getattr(above, price), review)
        )
        if target.priority == "abstain":
            continue
        scores, positive = probabilities[:, pool.rare], labels == pool.rare
        for name, rival in RIVALS.items():
            if "sequence" in name and None not in (target.recall, target.precision):
                continue  # it has none for two risks
            threshold = rival(scores, positive, target)
            truth = Truth(0.0, 0.0) if threshold is None else pool.truth(pool.rare, threshold)
            found.setdefault(name, []).append(
                Outcome(threshold is not None, _misses(truth, target), getattr(truth, price))
            )
    return {name: Summary(each, name == f"{OURS}, certified") for name, each in found.items()}


def measure_joint(pool: Pool, recall: float, *, positives: int, runs: int, seed: int) -> dict[str, Summary]:
    """Return how often any class's certified recall is wrong: each at delta, and all jointly at delta."""
    rng = np.random.default_rng([seed, positives])
    found: dict[str, list[Outcome]] = {"each class at delta": [], JOINT: []}
    targets = [Target(name, recall=recall) for name in pool.classes]
    for _ in range(runs):
        probabilities, labels = pool.draw(rng, round(positives / pool.share))
        for name, outcomes in found.items():
            fitted = fit_thresholds(
                probabilities, labels, pool.classes, targets, delta=DELTA, joint=name == JOINT
            )
            truths = [pool.truth(k, t.threshold) for k, t in enumerate(fitted)]
            certified = [t.status == "certified" for t in fitted]
            wrong = any(c and truth.recall < recall for c, truth in zip(certified, truths, strict=True))
            outcomes.append(Outcome(any(certified), wrong, truths[pool.rare].precision))
    return {name: Summary(outcomes, name == JOINT) for name, outcomes in found.items()}


def best(pool: Pool, target: Target, price: Price) -> float | None:
    """Return the most of `price` that any threshold has that meets the target in the population."""
    truths = [pool.truth(pool.rare, float(t)) for t in expit(np.linspace(-9, 9, 2_001))]
    return max((getattr(t, price) for t in truths if not _misses(t, target)), default=None)


def table(by_size: Mapping[int, Mapping[str, Summary]]) -> str:
    """Return a Markdown table, one row a method, one column a number of positives."""
    lines = [
        "| method | " + " | ".join(f"{n} positives" for n in by_size) + " |",
        "|---" * (len(by_size) + 1) + "|",
    ]
    names = next(iter(by_size.values()))
    lines += [
        f"| {name} | " + " | ".join(found[name].cell() for found in by_size.values()) + " |" for name in names
    ]
    return "\n".join(lines)


def _known(pool: Pool, text: str, price: Price) -> str:
    found = best(pool, parse_target(text), price)
    if found is None:
        return "no threshold of the population has both"
    return f"whoever knew the population: {price} {found:.3f}"


def _status(target: Target) -> str:
    """Return the status that the question is about."""
    return "certified" if target.recall is not None or target.certify else "empirical"


def _misses(truth: Truth, target: Target) -> bool:
    return truth.recall < (target.recall or 0.0) or truth.precision < (target.precision or 0.0)


def _between(pool: Pool, low: float, high: float) -> float:
    """Return the population's share of items from `low` up to `high`."""

    def reaching(threshold: float) -> float:
        truth = pool.truth(pool.rare, threshold)
        return pool.share * truth.recall / truth.precision if truth.precision else 1.0

    return reaching(low) - reaching(high)


def _exceeding(by_size: Mapping[int, Mapping[str, Summary]], question: str) -> Iterable[str]:
    for n, found in by_size.items():
        for name, summary in found.items():
            if summary.exceeds(DELTA):
                yield (
                    f"{question}, {n} positives: {name} is wrong in {summary.wrong:.3f} of the sets, "
                    f"more than {limit(DELTA, len(summary.outcomes)):.3f}"
                )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="validation sets a size")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--pool", choices=[*QUESTIONS, "all"], default="all")
    return parser.parse_args(arguments)


def _pools(asked: str, seed: int) -> list[Pool]:
    pools: list[Pool] = [Synthetic()] if asked != "tweets" else []
    if asked != "synthetic":
        if HATE.exists():
            pools.append(hate_pool(seed=seed))
        elif asked == "tweets":
            sys.exit(f"{HATE}: no such file; set SEAMARK_SHARED to the directory that holds data/")
        else:
            print(f"no tweets: {HATE} is not there; set SEAMARK_SHARED to the directory that holds data/")
    return pools


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return 1 when a certified claim is wrong too often."""
    options = _options(arguments)
    print(machine_line())
    print(
        f"{options.runs} validation sets a size, seed {options.seed}, confidence {1 - DELTA:g}; "
        f"a certified claim may be wrong in {limit(DELTA, options.runs):.3f} of the sets\n"
        "cells: share of all sets with a wrong promise, of how many with one; then the other aspect"
    )
    exceeding: list[str] = []
    for pool in _pools(options.pool, options.seed):
        for text, price in QUESTIONS[pool.name].items():
            started = time.perf_counter()
            run = partial(measure, pool, text, price, runs=options.runs, seed=options.seed)
            by_size = {n: run(positives=n) for n in POSITIVES}
            _print(f"{pool.name}, {text} ({_known(pool, text, price)})", by_size, started)
            exceeding += _exceeding(by_size, f"{pool.name}, {text}")
        started = time.perf_counter()
        joint = partial(measure_joint, pool, 0.85, runs=options.runs, seed=options.seed)
        by_size = {n: joint(positives=n) for n in POSITIVES}
        _print(f"{pool.name}, recall 0.85 of all {len(pool.classes)} classes", by_size, started)
        exceeding += _exceeding(by_size, f"{pool.name}, all classes")
    print("\n" + ("\n".join(exceeding) or "every certified claim held as often as it said"))
    return 1 if exceeding else 0


def _print(title: str, by_size: Mapping[int, Mapping[str, Summary]], started: float) -> None:
    print(f"\n{title}; {time.perf_counter() - started:.0f} s\n\n{table(by_size)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
