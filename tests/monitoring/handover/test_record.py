"""What an exported batch says of the traffic is right, as a refit reads it."""

import csv
import io
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_store.data import drawn as reader
from model_store.data.drawn import Drawn, drawn
from model_store.data.rows import read_rows
from monitoring import handover
from monitoring.recording.reservoir import Candidate
from monitoring.waves.batches import PARTIAL, Batch
from monitoring.waves.strata import all_time
from monitoring.waves.taken import Taken
from monitoring.waves.wave import select

CLASSES = ("ham", "spam")
N_TEXTS = 150


def text_of(i: int) -> str:
    """Return a text that resembles no other."""
    rng = random.Random(i)
    return " ".join(f"w{rng.randrange(5_000)}" for _ in range(12))


def traffic(*, resent: bool) -> list[Candidate]:
    """Return occurrences of texts, spam if even; one text at the threshold is a tenth of them if `resent`."""
    p = np.random.default_rng(5).random(N_TEXTS)
    p[0] = 0.5
    sent = [*range(N_TEXTS), *[0] * (N_TEXTS // 9 if resent else 0)]
    return [
        Candidate(
            key=f"k{n}",
            item_id=f"k{n}",
            source="mail",
            text=text_of(i),
            probabilities=np.array([1 - p[i], p[i]], np.float32),
            label=int(p[i] > 0.5),
            decision=0,
            at=float(n),
            priority=0.0,
            kinds=frozenset({"uncertain:spam", "random:mail"}),
        )
        for n, i in enumerate(sent)
    ]


SPAM = frozenset(text_of(i) for i in range(0, N_TEXTS, 2))


def exported(fixed: list[Candidate], rng: np.random.Generator, taken: frozenset[str] = frozenset()) -> Batch:
    """Return a batch of these occurrences, with priorities drawn anew."""
    wave = select(
        [replace(one, priority=float(rng.random())) for one in fixed],
        epoch_counts=all_time({"mail": len(fixed)}),
        watched=(),
        classes=CLASSES,
        thresholds=(0.5, 0.5),
        batch_size=60,
        seed="a",
        taken=Taken(keys=taken),
    )
    return Batch("b", None, "mail@1", 0.0, "open", wave.manifest, wave.items)


def read_back(batch: Batch, folder: Path, *, by: str = "weight") -> tuple[Drawn, list[str]]:
    """Label the CSV, and return what a refit makes of it, with the texts of the rows it uses."""
    rows = list(csv.DictReader(io.StringIO(handover.export(batch, "csv").decode(), newline="")))
    for row in rows:
        row["label"] = CLASSES[row["text"] in SPAM]
    path = folder / "labelled.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    weighing = {"weight": "weight"} if by == "weight" else {"inclusion": by, "copies": "dup_count"}
    read = read_rows(path, text="text", label="label", stratum="stratum", **weighing)
    found = drawn(read, sample=False)
    return found, [read.texts[row] for row in found.used]


def test_the_name_of_an_incomplete_stratum_is_what_a_refit_reads() -> None:
    """Two packages, one word."""
    assert PARTIAL == reader.PARTIAL


@pytest.mark.parametrize("by", ["weight", "inclusion_probability"])
def test_a_recall_from_exported_rows_is_unbiased_where_texts_are_resent(tmp_path: Path, by: str) -> None:
    """Over 200 batches the weighted counts hit the traffic's within 3.5 standard errors.

    So do those of the slice `explore` alone, since no draw is in another.
    """
    rng = np.random.default_rng(7)
    fixed = traffic(resent=True)
    flagged = {one.text for one in fixed if one.probabilities[1] > 0.6}
    truth = [
        sum(one.text in SPAM for one in fixed),
        sum(one.text in SPAM and one.text in flagged for one in fixed),
    ]
    estimates, alone = [], []
    for _ in range(200):
        batch = exported(fixed, rng)
        found, texts = read_back(batch, tmp_path, by=by)
        weights = np.ones(len(texts)) * len(fixed) / 9 if found.weights is None else found.weights
        assert not (found.certifies and not batch.complete_sample)
        spam = np.array([text in SPAM for text in texts])
        caught = np.array([text in flagged for text in texts])
        estimates.append([weights[spam].sum(), weights[spam & caught].sum()])
        alone.append(
            sum(item.weight for item in batch.items if item.slice == "explore" and item.text in SPAM)
        )
    error = np.std(estimates, axis=0, ddof=1) / np.sqrt(len(estimates))
    assert (np.abs(np.mean(estimates, axis=0) - truth) < 3.5 * error).all()
    assert np.mean(alone) == pytest.approx(np.mean(estimates, axis=0)[0])


def test_rows_that_are_the_draws_one_by_one_certify(tmp_path: Path) -> None:
    """Each draw is one row of the same weight, and an item of the slice `explore`."""
    batch = exported(traffic(resent=False), np.random.default_rng(8))
    found, texts = read_back(batch, tmp_path)
    assert found.certifies
    assert found.weights is None
    assert sorted(texts) == sorted(item.text or "" for item in batch.items if item.weight)
    assert len(texts) == 9
    assert sum(item.slice == "explore" for item in batch.items) == 9


def test_rows_without_the_draws_labelled_before_certify_nothing(tmp_path: Path) -> None:
    """Their weights are equal still; the name of their stratum says that some are missing."""
    fixed = traffic(resent=False)
    taken = frozenset(one.key for one in fixed[:75])
    found, texts = read_back(exported(fixed, np.random.default_rng(8), taken), tmp_path)
    assert found.weights is None
    assert 0 < len(texts) < 9
    assert not found.certifies
