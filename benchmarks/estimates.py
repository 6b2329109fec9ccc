"""Estimates: do shares, recalls and precisions from explored labels hold what their intervals say?

Two hundred times over: every item of the traffic gets its random number anew, the product selects its
batches, the explored items get their true labels, and the product estimates. Beside the truth of the whole
traffic stand the mean of the estimates (is it within two standard errors?) and how often the 95 % intervals
hold it. Of each source and epoch as much is held as reservoirs for such batches are sure to hold. Four plans:

- `one`: a batch of 1,000, 150 of which are explored;
- `waves`: ten batches of 200, thirty explored each, of a growing day: each is of all the traffic so far, so
  their times overlap; and one drawn item in ten is skipped;
- `audit`: an audit of 1,000, all of which are drawn by how probable the first class is;
- `audit_200`: one of 200; thirty are held of each source and epoch, so it is drawn in two phases.

What a mean over the items of a batch says is printed once, to show why it is never an answer.

    python -m benchmarks.estimates [--runs 200] [--problem NAME] [--plan one|waves|audit|audit_200]
"""

import argparse
import csv
import gzip
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks.machine import machine_line
from model_store.calibrating.calibration import Probabilities
from model_store.data.signatures import Signatures
from model_store.policy import Decisions, Policy
from model_store.promises.guarantees import fit_thresholds
from monitoring.recording.candidate import Candidate, draw_limit
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.waves.batches import Batch, BatchItem, Place
from monitoring.waves.estimates import Estimates, Quality, estimate
from monitoring.waves.intervals import Shares
from monitoring.waves.labelled import BatchMode
from monitoring.waves.taken import Taken
from monitoring.waves.usable import Rules
from monitoring.waves.wave import select
from service.cli.tickets import generate

SHARED: Final = Path(os.environ.get("SEAMARK_SHARED", Path(__file__).resolve().parents[2] / "shared"))
PROBLEMS: Final = ("synthetic", "clinc150", "hate_davidson")
PLANS: Final[Mapping[str, tuple[int, int]]] = {  # size and number of the batches
    "one": (1_000, 1),
    "waves": (200, 10),
    "audit": (1_000, 1),
    "audit_200": (200, 1),
}
MODEL: Final = "bench@1"
SOURCES: Final = ("email", "chat", "phone")
_START: Final = 1_700_000_400.0  # the beginning of an epoch
_HOURS: Final = 12
_BY_SCORE: Final = 2  # candidates by score, in batches: what they are does not matter here
_SKIPPED: Final = 0.1

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """What arrived, in order, and what the model made of it; arrays of n_items rows."""

    texts: Sequence[str]
    labels: npt.NDArray[np.intp]
    sources: npt.NDArray[np.intp]
    at: npt.NDArray[np.float64]
    decided: Decisions
    policy: Policy
    told: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


def traffic_of(problem: str, *, seed: int = 0) -> Traffic:
    """Train on a part of the set, and let the rest arrive over half a day."""
    texts, names, told = _read(problem)
    classes = tuple(sorted(set(names)))
    labels = np.array([classes.index(name) for name in names], np.intp)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts))
    train, validation, rest = np.split(order, [len(order) // 5, len(order) * 2 // 5])
    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True).fit(
        [texts[row] for row in train]
    )
    model = LogisticRegression(C=10.0, max_iter=300).fit(
        vectors.transform([texts[row] for row in train]), labels[train]
    )

    def scores(rows: npt.NDArray[np.intp]) -> Probabilities:
        found = model.predict_proba(vectors.transform([texts[row] for row in rows]))
        return np.asarray(found, np.float32)

    thresholds = fit_thresholds(scores(validation), labels[validation], classes, (), delta=0.1)
    policy = Policy(classes, thresholds, delta=0.1, calibration_sha256="0" * 64)
    return Traffic(
        texts=[texts[row] for row in rest],
        labels=labels[rest],
        sources=rng.choice(3, len(rest), p=(0.6, 0.35, 0.05)).astype(np.intp),
        at=_START + np.sort(rng.random(len(rest))) * _HOURS * 3600,
        decided=policy.decide(scores(rest)),
        policy=policy,
        told=told,
    )


def _read(problem: str) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Return texts, labels, and the classes that are reported."""
    if problem == "synthetic":
        tickets = generate(30_000, seed=7)
        return [t.text for t in tickets], [t.label for t in tickets], ("fraud", "account")
    with gzip.open(SHARED / "data" / f"{problem}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    if problem == "hate_davidson":
        return texts, labels, tuple(sorted(set(labels)))[:2]
    # A classifier of eight intents; all the others are one class.
    told = tuple(sorted(set(labels))[:64:8])
    return texts, [name if name in told else "~other" for name in labels], told


def batches_of(traffic: Traffic, plan: str, *, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield the batches of a plan with the labels that came back."""
    priorities = rng.random(len(traffic))
    size, n = PLANS[plan]
    signed: list[str] = []
    signatures: list[Signatures] = []
    places: dict[str, Place] = {}
    drawn: set[tuple[str, float]] = set()
    hours = np.linspace(_HOURS / 2, _HOURS, n) if n > 1 else np.array([_HOURS])
    for index, end in enumerate(hours):
        rows = np.flatnonzero(traffic.at < _START + end * 3600)
        counts = _counted(traffic, rows)
        wave = select(
            _candidates(traffic, rows, priorities, size=size),
            watched=traffic.told[:1],
            classes=traffic.policy.classes,
            thresholds=[t.threshold for t in traffic.policy.thresholds],
            batch_size=size,
            seed=f"{plan}-{index}-{priorities[0]}",
            mode=mode_of(plan),
            epoch_counts={
                source: {int(epoch): n for epoch, n in each.items()} for source, each in counts.items()
            },
            taken=Taken(
                keys=frozenset(places),
                signatures=np.concatenate([Taken().signatures, *signatures]),
                signed_keys=signed,
                places=places,
                drawn=frozenset(drawn),
            ),
            about={
                "epochs": {
                    "seconds": EPOCH_SECONDS,
                    "first": int(_START // EPOCH_SECONDS),
                    "last": int((_START + end * 3600 - 1) // EPOCH_SECONDS),
                    "items": counts,
                }
            },
        )
        skipped = rng.random(len(wave.items)) < (_SKIPPED if plan == "waves" else 0.0)
        items = tuple(
            _labelled(traffic, item, skipped=bool(skip))
            for item, skip in zip(wave.items, skipped, strict=True)
        )
        name = f"{plan}-{index}"
        taken = [(item, row) for row, item in enumerate(items) if item.state == "labelled"]
        places |= {item.key: (name, item.rank) for item, _ in taken}
        signed += [item.key for item, _ in taken]
        signatures.append(wave.signatures[[row for _, row in taken]])
        drawn |= {(item.key, item.at) for item, _ in taken if item.stratum == "exploration"}
        yield Batch(name, None, MODEL, _START + end * 3600, "closed", wave.manifest, items)


def mode_of(plan: str) -> BatchMode:
    """Return how the batches of a plan are drawn."""
    return "audit" if plan.startswith("audit") else "mixed"


def _counted(traffic: Traffic, rows: npt.NDArray[np.intp]) -> dict[str, dict[str, int]]:
    """Return how many items there were by source and epoch."""
    epochs = (traffic.at[rows] // EPOCH_SECONDS).astype(np.intp)
    found: dict[str, dict[str, int]] = {}
    for index, source in enumerate(SOURCES):
        known, n = np.unique(epochs[traffic.sources[rows] == index], return_counts=True)
        found[source] = {str(epoch): int(count) for epoch, count in zip(known, n, strict=True)}
    return found


def _labelled(traffic: Traffic, item: BatchItem, *, skipped: bool) -> BatchItem:
    if skipped:
        return replace(item, state="skipped")
    return replace(item, state="labelled", label=traffic.policy.classes[traffic.labels[int(item.key)]])


def _candidates(
    traffic: Traffic,
    rows: npt.NDArray[np.intp],
    priorities: npt.NDArray[np.float64],
    *,
    size: int,
) -> list[Candidate]:
    """Return what reservoirs hold: the random ones of every source and epoch in full, and some by score."""
    decided = traffic.decided
    kinds: dict[int, set[str]] = {}
    watched = traffic.policy.classes.index(traffic.told[0])
    by_score = np.argsort(-decided.probabilities[rows, watched], kind="stable")[: _BY_SCORE * size]
    for row in rows[by_score].tolist():
        kinds.setdefault(row, set()).add(f"top:{traffic.told[0]}")
    for index, source in enumerate(SOURCES):
        mine = rows[traffic.sources[rows] == index]
        mine = mine[np.lexsort((priorities[mine], traffic.at[mine] // EPOCH_SECONDS))]
        begins = np.flatnonzero(np.diff(traffic.at[mine] // EPOCH_SECONDS, prepend=0))
        place = np.arange(len(mine)) - np.repeat(begins, np.diff(begins, append=len(mine)))
        for row in mine[place < draw_limit(size)].tolist():
            kinds.setdefault(row, set()).add(f"random:{source}")
    return [
        Candidate(
            key=str(row),
            item_id=str(row),
            source=SOURCES[traffic.sources[row]],
            text=traffic.texts[row],
            probabilities=decided.probabilities[row],
            label=int(decided.label[row]),
            decision=int(decided.decision[row]),
            at=float(traffic.at[row]),
            priority=float(priorities[row]),
            kinds=frozenset(each),
        )
        for row, each in kinds.items()
    ]


@dataclass(slots=True)
class Record:
    """The estimates of one figure: its truth, and estimate, low and high of each run."""

    truth: float
    found: list[tuple[float, float, float]]

    def line(self) -> str:
        """Return the truth beside what was found."""
        estimate, low, high = np.array(self.found).T
        known = estimate[np.isfinite(estimate)]
        error = known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else np.nan
        off = (known.mean() - self.truth) / error if error else np.nan
        rmse = float(np.sqrt(((known - self.truth) ** 2).mean()))
        holds = ((low <= self.truth + 1e-9) & (self.truth <= high + 1e-9)).mean()
        return (
            f"{self.truth:7.4f} {known.mean():7.4f} {rmse:7.4f} {off:+6.1f} {holds:7.3f}"
            f" {(high - low).mean():7.3f} {len(known):5d}"
        )


def measured(traffic: Traffic, plan: str, *, runs: int, seed: int = 0) -> dict[tuple[str, str], Record]:
    """Return what `runs` repetitions of a plan estimated of every class that is told, figure by figure."""
    rules = Rules(traffic.policy.classes, frozenset({MODEL}), mode=mode_of(plan))
    records: dict[tuple[str, str], Record] = {}
    for run in range(runs):
        batches = list(batches_of(traffic, plan, rng=np.random.default_rng((seed, run))))
        found = estimate(batches, rules=rules, model_key=MODEL, policy=traffic.policy)
        for name in traffic.told:
            for figure, (truth, value) in _figures(traffic, found, name).items():
                records.setdefault((name, figure), Record(truth, [])).found.append(value)
    return records


def _figures(
    traffic: Traffic, found: Estimates, name: str
) -> dict[str, tuple[float, tuple[float, float, float]]]:
    k = traffic.policy.classes.index(name)
    is_ = traffic.labels == k
    figures = {"share": (float(is_.mean()), _at(found.prevalence, k))}
    ways: list[tuple[str, Flags, Quality | None]] = [
        ("flags", traffic.decided.flags[:, k], found.flags),
        ("answers", traffic.decided.label == k, found.answers),
    ]
    for way, said, quality in ways:
        right = float((is_ & said).sum())
        if quality is None:
            continue
        figures[f"{way} precision"] = (right / said.sum(), _at(quality.precision, k))
        if quality.recall is not None and quality.f1 is not None:
            figures[f"{way} recall"] = (right / is_.sum(), _at(quality.recall, k))
            figures[f"{way} F1"] = (2 * right / (is_.sum() + said.sum()), _at(quality.f1, k))
    return figures


def _at(shares: Shares, k: int) -> tuple[float, float, float]:
    return float(shares.estimate[k]), float(shares.low[k]), float(shares.high[k])


def _plain(traffic: Traffic, name: str) -> float:
    """Return the share of a class among all items of one batch, as if that were a sample."""
    (batch,) = batches_of(traffic, "one", rng=np.random.default_rng(0))
    return float(np.mean([item.label == name for item in batch.items]))


def main(argv: Sequence[str] | None = None) -> None:
    """Print, for each problem and plan, truth and estimates."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--problem", choices=PROBLEMS, action="append")
    parser.add_argument("--plan", choices=PLANS, action="append")
    asked = parser.parse_args(argv)
    print(machine_line())
    for problem in asked.problem or PROBLEMS:
        traffic = traffic_of(problem)
        name = traffic.told[0]
        share = (traffic.labels == traffic.policy.classes.index(name)).mean()
        print(
            f"\n{problem}: {len(traffic)} items; {name} is {share:.4f} of them, and "
            f"{_plain(traffic, name):.4f} of the items of one batch"
        )
        for plan in asked.plan or PLANS:
            began = time.perf_counter()
            records = measured(traffic, plan, runs=asked.runs)
            print(f"plan {plan}, {asked.runs} runs in {time.perf_counter() - began:.0f} s")
            print(
                f"{'':34s} {'truth':>7s} {'mean':>7s} {'rmse':>7s} {'off/se':>6s} {'holds':>7s} {'width':>7s}"
                f" {'runs':>5s}"
            )
            for (each, figure), record in records.items():
                print(f"{each[:16]:16s} {figure:17s} {record.line()}")


if __name__ == "__main__":
    main()
