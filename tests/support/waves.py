"""Occurrences to choose a wave from, and waves of them."""

import hashlib
import json
import random
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from model_store.data.wordmarks import marks
from monitoring.recording.candidate import Candidate
from monitoring.waves.strata import all_time
from monitoring.waves.wave import Wave, select

CLASSES = ("billing", "delivery", "technical", "fraud")
THRESHOLDS = np.full(4, 0.5, np.float32)
WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("lo", "rin", "tas", "ve", "mok")]


def text_of(i: int) -> str:
    """Return a text that shares no near-duplicate with any other."""
    rng = random.Random(i)
    return " ".join(rng.choice(WORDS) for _ in range(12))


def population(
    n: int,
    *,
    seed: int,
    texts: list[str] | None = None,
    fraud: float = 0.03,
    sources: tuple[str, ...] = ("email", "chat"),
) -> list[Candidate]:
    """Return n occurrences, each a candidate of every kind it could be: a pool that lost nothing."""
    rng = np.random.default_rng(seed)
    prior = np.array([0.4, 0.3, 0.3 - fraud, fraud])
    true = rng.choice(4, n, p=prior)
    logits = rng.normal(0, 1.2, (n, 4)) + 2.5 * np.eye(4)[true] + np.log(prior)
    p = np.exp(logits)
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    rows = []
    for i in range(n):
        top = int(p[i].argmax())
        source = sources[int(rng.integers(len(sources)))]
        kinds = {*(f"top:{name}" for name in CLASSES), f"uncertain:{CLASSES[top]}", f"random:{source}"}
        rows.append(
            Candidate(
                key=f"k{i}",
                item_id=f"k{i}",
                source=source,
                text=text_of(i) if texts is None else texts[i],
                probabilities=p[i],
                label=top if p[i, top] >= 0.5 else -1,
                decision=0 if p[i, top] >= 0.5 else 2,
                at=float(i),
                priority=float(rng.random()),
                kinds=frozenset(kinds),
            )
        )
    return rows


def wave_of(candidates: list[Candidate], **options: Any) -> Wave:
    """Select with the defaults of these tests."""
    options.setdefault("epoch_counts", all_time(Counter(one.source for one in candidates)))
    options.setdefault("batch_size", 100)
    options.setdefault("watched", ("fraud",))
    options.setdefault("classes", CLASSES)
    options.setdefault("thresholds", THRESHOLDS)
    return select(candidates, seed="alarm-1", **options)


def as_bytes(wave: Wave) -> bytes:
    """Return everything a wave says, as bytes."""
    return (
        json.dumps([wave.manifest, [asdict(item) for item in wave.items]]).encode()
        + wave.signatures.tobytes()
    )


def digest_of_a_wave_with_every_slice() -> str:
    """Return what a wave is, novel items, caps and repeated occurrences included."""
    candidates = population(600, seed=5)
    wave = wave_of(
        candidates + candidates[::7],
        epoch_counts=all_time(Counter(one.source for one in candidates)),
        labelled=marks([text_of(i) for i in range(5_000, 5_100)]),
        source_caps={"chat": 0.29},
    )
    assert wave.manifest["slices"]["novel"]["got"] == 10
    assert wave.manifest["caps"]["sources"]["limits"] == {"chat": 29}
    return hashlib.sha256(as_bytes(wave)).hexdigest()
