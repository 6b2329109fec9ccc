"""Train: which weights does each word and character n-gram get for each class?

A multinomial logistic regression on TF-IDF, with class weights N / (K n_c) so that a rare class is not
learnt away; calibration puts the frequencies back afterwards. On 25,000 rows it fits in seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from model_store.calibration import Float32s, Labels
from model_store.errors import TrainingError
from model_store.text import TextFrontEnd

MIN_DOCUMENTS: Final = 3  # rarer n-grams are names and typing errors: they leak and do not generalise
WORD_RANGE: Final = (1, 2)
CHAR_RANGE: Final = (3, 4)
# Each of the two vocabularies; 40,000 columns lost nothing against 80,000 on the sets it was tried on.
MAX_NGRAMS: Final = 20_000
# One worker stays under 180 MB when its weight matrix does under this.
MAX_WEIGHT_BYTES: Final = 40_000_000
INVERSE_PENALTY: Final = 3.0
_MAX_ITERATIONS: Final = 300
_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class TrainedText:
    """A fitted model in the two forms that must agree.

    Parameters
    ----------
    weights : float32 array of shape (n_columns, n_classes)
    bias : float32 array of shape (n_classes,)
    pipeline
        scikit-learn's; kept in memory for the parity check, never written.
    """

    front_end: TextFrontEnd
    weights: Float32s
    bias: Float32s
    pipeline: Pipeline
    iterations: int


class OneClass(TrainingError):
    """There is nothing to tell apart."""

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__(tuple(classes))
        self.classes = tuple(classes)

    def __str__(self) -> str:
        found = f"only {self.classes[0]!r}" if self.classes else "none"
        return f"a classifier needs at least two classes, the labels hold {found}; check the label column"


class NoVocabulary(TrainingError):
    """No word is in enough training rows."""

    def __str__(self) -> str:
        return (
            f"no word or pair of words is in {MIN_DOCUMENTS} training rows; "
            "add rows, or check that the text column is the right one"
        )


def train(texts: Sequence[str], labels: Labels, *, n_classes: int, seed: int = 0) -> TrainedText:
    """Fit TF-IDF of word 1-2-grams and character 3-4-grams and a logistic regression on it.

    Parameters
    ----------
    labels : int array of shape (n_texts,)
        Every class from 0 to n_classes - 1 at least once.
    seed : int
        The solver is deterministic; it is passed on for solvers that are not.

    Raises
    ------
    OneClass, NoVocabulary
    """
    present = np.unique(labels)
    if len(present) < 2 or n_classes < 2:
        raise OneClass([str(k) for k in present])
    if len(present) != n_classes:
        raise TrainingError(
            f"training rows hold {len(present)} of {n_classes} classes; every class needs a row"
        )
    columns = min(MAX_NGRAMS, MAX_WEIGHT_BYTES // (8 * n_classes))
    words, characters = _vectorizer("word", WORD_RANGE, columns), _vectorizer("char_wb", CHAR_RANGE, columns)
    regression = LogisticRegression(
        C=INVERSE_PENALTY,
        class_weight="balanced",
        max_iter=_MAX_ITERATIONS,
        tol=_TOLERANCE,
        random_state=seed,
    )
    pipeline = make_pipeline(FeatureUnion([("word", words), ("char", characters)]), regression)
    try:
        pipeline.fit(list(texts), labels)
    except ValueError as error:
        if "vocabulary" in str(error) or "no terms remain" in str(error):
            raise NoVocabulary from error
        raise
    weights, bias = _softmax_form(regression)
    return TrainedText(_front_end(words, characters), weights, bias, pipeline, int(max(regression.n_iter_)))


def facts(trained: TrainedText) -> dict[str, Any]:
    """Return what the manifest says about the training."""
    return {
        "estimator": "multinomial logistic regression, class weights N / (K n_c)",
        "inverse_penalty": INVERSE_PENALTY,
        "iterations": trained.iterations,
        "features": "tf-idf of word {}-{}-grams and character {}-{}-grams".format(*WORD_RANGE, *CHAR_RANGE),
        "min_documents": MIN_DOCUMENTS,
        "columns": len(trained.weights),
    }


def _vectorizer(analyzer: str, ngrams: tuple[int, int], max_features: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=ngrams,
        min_df=MIN_DOCUMENTS,
        max_features=max_features,
        sublinear_tf=True,
    )


def _softmax_form(regression: LogisticRegression) -> tuple[Float32s, Float32s]:
    """Return weights (columns, classes) and bias; of two classes scikit-learn keeps only the second's."""
    coefficients, intercept = regression.coef_, regression.intercept_
    if len(coefficients) == 1:
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    return np.ascontiguousarray(coefficients.T, dtype=np.float32), intercept.astype(np.float32)


def _front_end(words: TfidfVectorizer, characters: TfidfVectorizer) -> TextFrontEnd:
    return TextFrontEnd(
        word=_vocabulary(words.vocabulary_),
        word_idf=words.idf_.astype(np.float32),
        char=_vocabulary(characters.vocabulary_),
        char_idf=characters.idf_.astype(np.float32),
        word_range=WORD_RANGE,
        char_range=CHAR_RANGE,
        sublinear=True,
    )


def _vocabulary(fitted: Mapping[str, Any]) -> dict[str, int]:
    """Return plain integers in column order, so that equal fits write equal bytes."""
    return {ngram: int(column) for ngram, column in sorted(fitted.items(), key=lambda item: item[1])}
