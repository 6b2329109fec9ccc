"""How long does it take to choose a wave, and how much memory, with how many candidates?

Candidates are synthetic texts with scores of a Dirichlet distribution, handed over column by column as the
store does. The baseline is what any strategy pays: a margin per candidate and one sort. Seconds are of the
processor, so a busy machine counts little; memory is the peak of what a wave allocates beside the candidates.

    python -m benchmarks.wave_cost
"""

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import numpy as np

from benchmarks.machine import machine_line
from model_store.data.wordmarks import marks
from monitoring.waves.columns import Columns
from monitoring.waves.strata import all_time
from monitoring.waves.wave import select

SIZES: Final = (10_000, 100_000, 1_000_000)
CLASSES: Final = (5, 30, 150)
BATCH_SIZE: Final = 200
ROUNDS: Final = 5
SOURCES: Final = ("email", "chat", "phone")
_WORDS: Final = 5_000
_WORDS_A_TEXT: Final = 12
_DRAWN: Final = 0.2  # of the candidates, held as random draws too


@dataclass(frozen=True)
class Cost:
    """Median processor seconds of a wave and of the baseline, and the peak of memory of a wave in MB."""

    candidates: int
    n_classes: int
    seconds: float
    baseline: float
    megabytes: float


def measure(candidates: int, n_classes: int) -> Cost:
    """Return what a wave costs."""
    columns, counts = pool(candidates, n_classes, seed=1)
    labelled = marks([str(columns.texts[row]) for row in range(min(2_000, candidates))])
    names = [f"class {k}" for k in range(n_classes)]

    def wave() -> None:
        select(
            columns,
            epoch_counts=all_time(counts),
            watched=names[:1],
            classes=names,
            thresholds=[0.5] * n_classes,
            batch_size=BATCH_SIZE,
            seed="wave",
            labelled=labelled,
        )

    def baseline() -> None:
        best = np.partition(columns.probabilities, -2, axis=1)
        np.argsort(best[:, -1] - best[:, -2], kind="stable")

    seconds, sorting = _median_of(wave), _median_of(baseline)
    tracemalloc.start()
    wave()
    megabytes = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return Cost(candidates, n_classes, seconds, sorting, megabytes)


def _median_of(work: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def pool(candidates: int, n_classes: int, *, seed: int) -> tuple[Columns, dict[str, int]]:
    """Return candidates side by side, and the occurrences of each source."""
    rng = np.random.default_rng(seed)
    words = np.array([f"word{k}" for k in range(_WORDS)])
    drawn_words = words[rng.zipf(1.3, (candidates, _WORDS_A_TEXT)).clip(max=_WORDS) - 1]
    probabilities = rng.standard_gamma(0.3, (candidates, n_classes)).astype(np.float32) + np.float32(1e-6)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    sources = [SOURCES[k] for k in rng.integers(0, len(SOURCES), candidates).tolist()]
    columns = Columns(
        keys=[f"item {k}" for k in range(candidates)],
        item_ids=[f"item {k}" for k in range(candidates)],
        sources=sources,
        texts=[" ".join(each) for each in drawn_words.tolist()],
        probabilities=probabilities,
        labels=probabilities.argmax(axis=1),
        decisions=np.zeros(candidates, np.int64),
        at=np.arange(candidates, dtype=np.float64),
        priorities=rng.random(candidates),
        scored=np.ones(candidates, np.bool_),
        drawn=rng.random(candidates) < _DRAWN,
        epochs=np.zeros(candidates, np.int64),
    )
    return columns, {source: 10 * sources.count(source) for source in SOURCES}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    options = parser.parse_args(arguments)
    print(machine_line())
    print(f"a wave of {BATCH_SIZE} items, median of {ROUNDS}; baseline: margins and one sort\n")
    print("| candidates | classes | wave, s | baseline, s | ratio | MB, peak |\n|---|---|---|---|---|---|")
    for size in options.sizes:
        for n_classes in CLASSES:
            with ProcessPoolExecutor(1, mp_context=get_context("fork")) as alone:
                cost = alone.submit(measure, size, n_classes).result()
            print(
                f"| {cost.candidates:,} | {cost.n_classes} | {cost.seconds:.3f} | {cost.baseline:.3f} "
                f"| {cost.seconds / cost.baseline:.1f} | {cost.megabytes:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
