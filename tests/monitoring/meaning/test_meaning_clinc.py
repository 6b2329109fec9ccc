"""Ten intents that a model of 140 was not trained on, sent as traffic."""

import numpy as np
import numpy.typing as npt
import pytest

from model_store.shift_reference import build_shift_reference
from monitoring.detection.bucket import Bucket
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.gate import Gate, gate
from monitoring.scanning.streams import SCORES, Stream, class_stream
from monitoring.scanning.windows import drift_categories
from tests.support.shifts import CLINC, Answered, clinc, meters_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLINC.is_file(), reason=f"{CLINC} is not there; set SEAMARK_SHARED"),
]

ROWS = 24  # validation rows a class
NATURAL = 10 / 150
BUCKET = 50
SECONDS = 10.0


def sides(seed: int) -> tuple[Answered, Answered, npt.NDArray[np.float32]]:
    """Return validation rows, the other rows of known intents, and probabilities of the unknown intents."""
    held = clinc()
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(held.labels))
    of = held.labels[rows]
    rank = np.zeros(len(rows), np.intp)
    for k in range(-1, len(held.classes)):
        rank[of == k] = np.arange(np.count_nonzero(of == k))
    known = of >= 0
    strange = held.probabilities[rows[~known]]
    return held.take(rows[known & (rank < ROWS)]), held.take(rows[known & (rank >= ROWS)]), strange


def judged(seed: int, *, items: int, strange: float, mixed: bool = False) -> Gate:
    """Draw items without repeats, a share of them strange, perhaps at another mix of the known intents."""
    validation, rest, unknown = sides(seed)
    generator = np.random.default_rng(1_000 + seed)
    of_known = items - round(items * strange)
    weights = (
        generator.gamma(2.0, size=len(rest.classes))[rest.labels] if mixed else np.ones(len(rest.labels))
    )
    chosen = generator.choice(len(rest.labels), of_known, replace=False, p=weights / weights.sum())
    live = np.concatenate([rest.probabilities[chosen], unknown[: items - of_known]])
    reference = build_shift_reference(validation.probabilities, validation.labels, validation.classes)
    joint = meters_of(validation.probabilities, live)["joint"]
    return gate(MixtureFit.of(reference, joint, seed=seed))


def refused(runs: int, *, items: int, strange: float, mixed: bool = False) -> float:
    """Return how often the gate says that it is not the mix."""
    return float(
        np.mean([not judged(seed, items=items, strange=strange, mixed=mixed).passed for seed in range(runs)])
    )


def test_unknown_intents_are_no_moved_mix():
    """At their natural share of one in fifteen mostly, and at a quarter of traffic every time."""
    assert refused(40, items=3_000, strange=NATURAL) >= 0.75
    assert refused(20, items=1_500, strange=0.25) == 1


@pytest.mark.parametrize("mixed", [False, True], ids=["the same mix", "another mix"])
def test_known_intents_are(mixed: bool):
    """Refused in at most 12 % of 60 runs."""
    assert refused(60, items=1_500, strange=0.0, mixed=mixed) <= 0.12


def rows_of(p: npt.NDArray[np.float32], cuts: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.int64]]:
    """Count one bucket as a detector is fed with it."""
    k = p.shape[1]
    return {
        "classes": np.bincount(p.argmax(axis=1), minlength=k + 1),
        SCORES: np.bincount(cuts.searchsorted(p.max(axis=1)), minlength=len(cuts) + 1),
    }


def delay(seed: int, strange: float) -> int | None:
    """Return after how many items the scores raise an alarm, None after 12,000 without one.

    A baseline of 20,000 items and 3,000 more of known intents come before, all calm.
    """
    validation, rest, unknown = sides(0)
    generator = np.random.default_rng(seed)
    cuts = np.quantile(validation.probabilities.max(axis=1), np.arange(1, 20) / 20).astype(np.float32)
    columns = tuple(f"top probability <= {cut:.6g}" for cut in cuts)
    streams = (class_stream(drift_categories(rest.classes), share=0.7), Stream(SCORES, "cuts", columns, 0.3))
    detector = Detector(streams, DetectorConfig(bucket_seconds=SECONDS, baseline_items=10**9))

    def send(bucket: int, share: float) -> None:
        n = generator.binomial(BUCKET, share)
        p = np.concatenate([generator.choice(rest.probabilities, BUCKET - n), generator.choice(unknown, n)])
        detector.close(Bucket(rows_of(p, cuts), bucket * SECONDS, (bucket + 1) * SECONDS))

    for bucket in range(400):
        send(bucket, 0.0)
    detector.freeze(at=400 * SECONDS, by="test", why="enough")
    for bucket in range(400, 460):
        send(bucket, 0.0)
    assert detector.alarm is None
    for bucket in range(460, 700):
        send(bucket, strange)
        if detector.alarm is not None:
            assert detector.alarm.stream == SCORES
            return (bucket - 459) * BUCKET
    return None


def test_the_scores_notice_them():
    """A quarter of traffic within 500 items each time, one in fifteen within 12,000 in most runs.

    Moves within the tolerance of a tenth are no drift, and the least confident twentieth grows by a half.
    """
    assert all((delay(seed, 0.25) or np.inf) <= 500 for seed in range(4))
    assert sum(delay(seed, NATURAL) is not None for seed in range(6)) >= 4
