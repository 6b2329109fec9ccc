"""What does a model say of the traffic, and what does it say of the test when it has learnt the labels too?

Everything is the product's own: training, calibration, thresholds, policy, as `seamark fit` puts them
together. What is measured after retraining is the classifier alone, before calibration: it would be fitted on
the same validation rows for every rival, and they do not have the classes that are new.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score

from benchmarks.waves_data import Part, Problem, Rows, Texts
from model_store.calibrating.calibration import LogProbabilities, calibration_digest
from model_store.calibrating.calibrators import fit_calibration
from model_store.data.signatures import Signatures, minhash
from model_store.data.wordmarks import Marks, marks
from model_store.graphs.classifier import Classifier
from model_store.policy import Decisions, Policy
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import DEFAULT_DELTA
from model_store.reference import build_reference
from model_store.training.train import train

SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A classifier and the names of what it tells apart."""

    classes: tuple[str, ...]
    classifier: Classifier

    def log_probabilities(self, texts: Texts) -> LogProbabilities:
        """Return the scores of texts, shape (n, n_classes)."""
        return self.classifier.log_probabilities(texts.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A model in service: its policy, and what it decided about the traffic, row by row.

    `usual` is what share of the rows that thresholds came from each class had. `seen` are the near-duplicate
    signatures of the items it was made from, which no wave takes again, and `labelled` marks of their words.
    """

    policy: Policy
    decisions: Decisions
    usual: tuple[float, ...]
    seen: Signatures
    labelled: Marks


@dataclass(frozen=True, slots=True)
class Quality:
    """What a model does on the test; the last two are means over the told classes."""

    macro_f1: float
    told_f1: float
    told_ap: float


def fitted(rows: Part) -> Model:
    """Return a model of some rows, with weights N / (K n_c)."""
    classes, labels = np.unique(rows.labels.tolist(), return_inverse=True)
    trained = train(
        rows.texts.tolist(), labels.astype(np.int64), n_classes=len(classes), seed=SEED, imbalance="balanced"
    )
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.onnx"
        path.write_bytes(trained.onnx)
        classifier = Classifier.open(path, trained.front_end, n_classes=len(classes), output=trained.output)
    return Model(tuple(classes.tolist()), classifier)


def served(model: Model, problem: Problem, *, learnt: Part) -> Served:
    """Return the model calibrated and with thresholds from the validation rows, and its decisions."""
    validation = problem.validation
    column = {name: k for k, name in enumerate(model.classes)}
    known = np.flatnonzero(np.isin(validation.labels, model.classes))
    labels = np.array([column[name] for name in validation.labels[known]], np.int64)
    scores = model.log_probabilities(validation.texts[known])
    # In random order, so either half is as good as the other.
    first = np.arange(len(known)) < len(known) // 2
    calibration = fit_calibration(scores[first], labels[first], seed=SEED, classes=model.classes)
    policy = Policy(
        classes=model.classes,
        thresholds=fit_thresholds(calibration.apply(scores[~first]), labels[~first], model.classes),
        delta=DEFAULT_DELTA,
        calibration_sha256=calibration_digest(calibration),
    )
    decisions = policy.decide(calibration.apply(model.log_probabilities(problem.traffic.texts)))
    own = policy.decide(calibration.apply(scores[~first]))
    usual = build_reference(own, labels[~first], model.classes).usual
    texts = [*learnt.texts, *validation.texts]
    return Served(policy, decisions, tuple(usual.tolist()), minhash(texts), marks(texts))


def joined(first: Part, second: Part, rows: Rows) -> Part:
    """Return all of the first part and some rows of the second."""
    return Part(
        np.concatenate([first.texts, second.texts[rows]]), np.concatenate([first.labels, second.labels[rows]])
    )


def quality(model: Model, test: Part, told: Sequence[str]) -> Quality:
    """Return macro-F1 of the most probable class over the classes of the test, F1 and AP of the told ones."""
    scores = model.log_probabilities(test.texts)
    answers = np.array(model.classes, dtype=object)[scores.argmax(axis=1)]
    names = sorted(set(test.labels.tolist()))
    of_each: npt.NDArray[np.float64] = f1_score(
        test.labels.tolist(), answers.tolist(), labels=names, average=None, zero_division=0.0
    )
    average_precision = [
        float(average_precision_score(test.labels == name, scores[:, model.classes.index(name)]))
        if name in model.classes
        else 0.0
        for name in told
    ]
    return Quality(
        macro_f1=float(of_each.mean()),
        told_f1=float(np.mean([of_each[names.index(name)] for name in told])),
        told_ap=float(np.mean(average_precision)),
    )
