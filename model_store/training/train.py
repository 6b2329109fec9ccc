"""Train: which model of texts or tables does best on rows it has not seen, rare classes counting as much?

Texts get TF-IDF of word and character n-grams and a linear model, tables what `model_store.training.tables`
fits. How training treats rare classes is one of the recipes of `model_store.training.imbalance`, given or
chosen by grouped cross-validation; calibration puts the frequencies back afterwards.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion

from model_store.data.indicators import AnyLabels, indicators
from model_store.data.labelled import OneClass
from model_store.data.rows import Progress
from model_store.errors import TrainingError
from model_store.graphs.columns import Column
from model_store.graphs.inputs import Features, Input, InputKind
from model_store.graphs.outputs import LOGITS, Task
from model_store.graphs.text import TextFrontEnd
from model_store.training.export import linear_onnx
from model_store.training.imbalance import IN_WORDS, RowNumbers
from model_store.training.linear import LinearModel, fit_linear_model
from model_store.training.penalty import inverse_penalty
from model_store.training.recipes import RECIPES, Criterion, Imbalance, Recipe, check_recipe
from model_store.training.selection import OpenFold, select
from model_store.training.tables import train_table
from model_store.training.trained import Trained

MIN_DOCUMENTS: Final = 3  # rarer n-grams are names and typing errors: they leak and do not generalise
WORD_RANGE: Final = (1, 2)
CHAR_RANGE: Final = (3, 4)
# Each of the two vocabularies; 40,000 columns lost nothing against 80,000 on the sets it was tried on.
MAX_NGRAMS: Final = 20_000
# One worker stays under 180 MB when its weight matrix does under this.
MAX_WEIGHT_BYTES: Final = 40_000_000
# While recipes are compared; a third of it chose the same ones in half as long again.
_SELECTION_TOLERANCE: Final = 3e-4

Groups: TypeAlias = npt.NDArray[np.integer[Any]]  # (n_rows,)


class NoVocabulary(TrainingError):
    """No word is in enough training rows."""

    def __str__(self) -> str:
        return (
            f"no word or pair of words is in {MIN_DOCUMENTS} training rows; "
            "add rows, or check that the text column is the right one"
        )


def train(
    inputs: Sequence[Input],
    labels: AnyLabels,
    *,
    n_classes: int,
    input_kind: InputKind = "text",
    columns: Sequence[Column] = (),
    task: Task | None = None,
    groups: Groups | None = None,
    seed: int = 0,
    imbalance: Imbalance = "auto",
    criterion: Criterion = "pr_auc",
    progress: Progress | None = None,
) -> Trained:
    """Fit a model of training rows, and return it with the graph that answers the same.

    Parameters
    ----------
    inputs : sequence of str or of mappings
        Training rows only.
    labels : int array of shape (n_rows,), or bool array of shape (n_rows, n_classes) if multilabel
        Every class on one row at least; of several labels, none on every row.
    columns : sequence of Column
        Those of the table, if inputs are features.
    task : {"binary", "multiclass", "multilabel"}, optional
        By default what shape and number of the labels say.
    groups : int array of shape (n_rows,), optional
        Rows of one group stay together when recipes are compared; by default each stands alone.
    imbalance : str
        A recipe, or "auto" to choose one by `criterion`.
    criterion : {"pr_auc", "macro_f1"}
        What is served is a threshold a class, so by default what counts is how a class's rows are ranked, not
        which class comes first before calibration.
    progress : callable, optional
        Called with ("select", done, total) where there is something to compare.

    Raises
    ------
    OneClass, NoVocabulary, NoUsableColumn, TooFewGroups, RecipeUnknown
    FeatureInvalid
        For a row that is not made of the columns.
    """
    check_recipe(imbalance, criterion)
    task = task or _task(labels, n_classes)
    _check(labels, task, n_classes)
    report = progress or (lambda _stage, _done, _total: None)
    groups = np.arange(len(labels)) if groups is None else groups
    if input_kind == "features":
        return train_table(
            cast("Sequence[Features]", inputs),
            labels,
            columns,
            task=task,
            n_classes=n_classes,
            groups=groups,
            seed=seed,
            imbalance=imbalance,
            criterion=criterion,
            progress=report,
        )
    return _train_texts(
        cast("Sequence[str]", inputs),
        labels,
        task=task,
        n_classes=n_classes,
        groups=groups,
        seed=seed,
        imbalance=imbalance,
        criterion=criterion,
        progress=report,
    )


def _train_texts(
    texts: Sequence[str],
    labels: AnyLabels,
    *,
    task: Task,
    n_classes: int,
    groups: Groups,
    seed: int,
    imbalance: Imbalance,
    criterion: Criterion,
    progress: Progress,
) -> Trained:
    penalty = inverse_penalty(len(texts), n_classes, task)
    fit = partial(fit_linear_model, task=task, n_classes=n_classes, seed=seed, inverse_penalty=penalty)

    def open_fold(fitted: RowNumbers, held_out: RowNumbers) -> OpenFold:
        vectorizer = _vectorizer(n_classes)
        mine = _fitted_columns(vectorizer, [texts[i] for i in fitted])
        rest = vectorizer.transform([texts[i] for i in held_out])
        own = labels[fitted]
        return lambda name: fit(
            mine, own, cast("Recipe", name), tolerance=_SELECTION_TOLERANCE
        ).predict_proba(rest)

    selection = select(
        RECIPES if imbalance == "auto" else (imbalance,),
        labels,
        groups,
        open_fold,
        n_classes=n_classes,
        criterion=criterion,
        seed=seed,
        progress=progress,
    )
    recipe = cast("Recipe", selection.chosen)
    vectorizer = _vectorizer(n_classes)
    model = fit(_fitted_columns(vectorizer, texts), labels, recipe)
    weights, bias, link = model.served()
    return Trained(
        front_end=_front_end(vectorizer),
        onnx=linear_onnx(weights, bias, link=link),
        output=LOGITS,
        predict_proba=lambda items: model.predict_proba(vectorizer.transform(items)),
        facts=_facts(model, recipe, penalty),
        tried=selection.tried,
        chosen=recipe,
    )


def _facts(model: LinearModel, recipe: Recipe, penalty: float) -> dict[str, Any]:
    return {
        "estimator": f"{_ESTIMATORS[model.task]}; {IN_WORDS[recipe]}",
        "recipe": recipe,
        "inverse_penalty": penalty,
        "iterations": model.linear.iterations,
        "features": "tf-idf of word {}-{}-grams and character {}-{}-grams".format(*WORD_RANGE, *CHAR_RANGE),
        "min_documents": MIN_DOCUMENTS,
        "columns": len(model.linear.coefficients),
    }


_ESTIMATORS: Final[dict[Task, str]] = {
    "binary": "logistic regression",
    "multiclass": "multinomial logistic regression",
    "multilabel": "a logistic regression a label",
}


def _vectorizer(n_classes: int) -> FeatureUnion:
    columns = min(MAX_NGRAMS, MAX_WEIGHT_BYTES // (8 * n_classes))
    return FeatureUnion(
        [("word", _tfidf("word", WORD_RANGE, columns)), ("char", _tfidf("char_wb", CHAR_RANGE, columns))]
    )


def _tfidf(analyzer: str, ngrams: tuple[int, int], max_features: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=analyzer,
        ngram_range=ngrams,
        min_df=MIN_DOCUMENTS,
        max_features=max_features,
        sublinear_tf=True,
    )


def _fitted_columns(vectorizer: FeatureUnion, texts: Sequence[str]) -> csr_array:
    try:
        return csr_array(vectorizer.fit_transform(texts), dtype=np.float32)
    except ValueError as error:
        if "vocabulary" in str(error) or "no terms remain" in str(error):
            raise NoVocabulary from error
        raise


def _task(labels: AnyLabels, n_classes: int) -> Task:
    if labels.ndim == 2:
        return "multilabel"
    return "binary" if n_classes == 2 else "multiclass"


def _check(labels: AnyLabels, task: Task, n_classes: int) -> None:
    """Refuse labels that leave a class nothing to be told from."""
    counts = indicators(labels, n_classes).sum(axis=0)
    present = np.flatnonzero(counts)
    if task != "multilabel" and (len(present) < 2 or n_classes < 2):
        raise OneClass([str(k) for k in present])
    if len(present) != n_classes:
        raise TrainingError(
            f"training rows hold {len(present)} of {n_classes} classes; every class needs a row"
        )
    if task == "multilabel" and counts.max() == len(labels):
        raise TrainingError(
            f"every training row carries label {int(counts.argmax())} of {n_classes}, counted from 0; "
            "there is nothing to tell it from: leave it out, or add rows without it"
        )


def _front_end(vectorizer: FeatureUnion) -> TextFrontEnd:
    words, characters = (each for _, each in vectorizer.transformer_list)
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
