"""Tables: which model of numbers and texts in columns does best on rows it has not seen?

A linear model on standardised numbers and one-hot texts, or boosted trees; both with every recipe of
`model_store.training.imbalance` that applies, compared by the same folds. Whatever is worked out from rows
(medians, scales, categories) comes from the rows a model is fitted on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, hstack
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from model_store.data.indicators import AnyLabels
from model_store.data.rows import Progress
from model_store.errors import TrainingError
from model_store.graphs.columns import Column, ColumnInputs, GraphInput
from model_store.graphs.inputs import Features
from model_store.graphs.outputs import LOGITS, Task
from model_store.training.imbalance import IN_WORDS, RowNumbers
from model_store.training.linear import LinearModel, Probabilities, fit_linear_model
from model_store.training.recipes import RECIPES, Criterion, Imbalance, Recipe
from model_store.training.selection import OpenFold, select
from model_store.training.table_graph import FARTHEST, NUMBERS, TEXTS, TableGraph
from model_store.training.trained import Trained
from model_store.training.trees import LEARNING_RATE, MAX_LEAVES, ROUNDS, TreeModel, fit_trees

Numbers: TypeAlias = npt.NDArray[np.float64]  # (n_rows, n_numbers), NaN where a value is missing
Texts: TypeAlias = npt.NDArray[np.object_]  # (n_rows, n_texts), "" where a value is missing

# A category in fewer rows is a name or a typing error.
MIN_ROWS: Final = 3
MAX_CATEGORIES: Final = 64
INVERSE_PENALTY: Final = 1.0
# A boosted ensemble has a tree a class and round: of 150 classes, 15,000 trees.
MAX_TREE_CLASSES: Final = 20
LINEAR: Final = "linear"
TREES: Final = "boosted trees"


class NoUsableColumn(TrainingError):
    """No column holds anything that repeats."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(tuple(columns))
        self.columns = tuple(columns)

    def __str__(self) -> str:
        return (
            f"no number and no text that is in {MIN_ROWS} training rows is in columns "
            f"{', '.join(self.columns)}; name other feature columns"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows as the graph gets them."""

    numbers: Numbers
    texts: Texts

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: RowNumbers) -> "Table":
        """Return some of the rows."""
        return Table(self.numbers[rows], self.texts[rows])


@dataclass(frozen=True, eq=False)
class Encoding:
    """What was worked out from the rows a model is fitted on: medians, scales, indicators and categories."""

    imputer: Any
    scaler: Any
    indicator: Any
    one_hot: Any
    text_columns: tuple[int, ...]

    @classmethod
    def of(cls, table: Table) -> "Encoding":
        """Return the encoding of these rows; a column of texts in which none repeats is left out."""
        categories = [_categories(column) for column in table.texts.T]
        kept = tuple(at for at, own in enumerate(categories) if own)
        one_hot = None
        if kept:
            one_hot = OneHotEncoder(
                categories=[np.array(categories[at], dtype=object) for at in kept], handle_unknown="ignore"
            ).fit(table.texts[:1, kept])
        if not table.numbers.shape[1]:
            return cls(None, None, None, one_hot, kept)
        imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(table.numbers)
        scaler = StandardScaler().fit(imputer.transform(table.numbers))
        indicator = MissingIndicator(features="missing-only", error_on_new=False).fit(table.numbers)
        return cls(imputer, scaler, indicator, one_hot, kept)

    @property
    def width(self) -> int:
        """How many columns a linear model gets."""
        numbers = 0 if self.scaler is None else len(self.scaler.mean_) + len(self.indicator.features_)
        return numbers + sum(map(len, self.categories))

    @property
    def categories(self) -> list[list[str]]:
        """The categories of each kept column of texts."""
        return [] if self.one_hot is None else [list(own) for own in self.one_hot.categories_]

    def standardised(self, table: Table) -> csr_array:
        """Return numbers, indicators of missing ones, and categories, for a linear model."""
        parts = []
        if self.scaler is not None:
            with np.errstate(over="ignore"):  # what is beyond the largest double ends at `FARTHEST` too
                scaled = self.scaler.transform(self.imputer.transform(table.numbers))
            parts.append(csr_array(scaled.clip(-FARTHEST, FARTHEST)))
            parts.append(csr_array(self.indicator.transform(table.numbers).astype(np.float64)))
        return csr_array(hstack([*parts, *self._hot(table)], format="csr"))

    def raw(self, table: Table) -> Numbers:
        """Return numbers with NaN for missing ones, and categories, for trees."""
        return np.hstack([table.numbers, *(hot.toarray() for hot in self._hot(table))])

    def standardised_in(self, graph: TableGraph) -> str:
        """Add what `standardised` does to a graph."""
        parts = []
        if self.scaler is not None:
            parts.append(graph.standardised(self.imputer.statistics_, self.scaler.mean_, self.scaler.scale_))
            if len(self.indicator.features_):
                parts.append(graph.missing(self.indicator.features_.astype(np.int64)))
        return graph.joined([*parts, *self._hot_in(graph)])

    def raw_in(self, graph: TableGraph) -> str:
        """Add what `raw` does to a graph."""
        numbers = [] if self.scaler is None else [NUMBERS]
        return graph.joined([*numbers, *self._hot_in(graph)])

    def _hot(self, table: Table) -> list[csr_array]:
        return [] if self.one_hot is None else [self.one_hot.transform(table.texts[:, self.text_columns])]

    def _hot_in(self, graph: TableGraph) -> list[str]:
        return [
            graph.one_hot(column, own) for column, own in zip(self.text_columns, self.categories, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class TableModel:
    """An encoding and the model on it."""

    encoding: Encoding
    model: LinearModel | TreeModel

    def predict_proba(self, table: Table) -> Probabilities:
        """Return what scikit-learn says, (n_rows, n_classes)."""
        if isinstance(self.model, TreeModel):
            return self.model.predict_proba(self.encoding.raw(table))
        return self.model.predict_proba(self.encoding.standardised(table))

    def onnx(self, table: Table, n_classes: int) -> bytes:
        """Return the same as a graph of the columns that `table` has."""
        graph = TableGraph(numbers=table.numbers.shape[1], texts=table.texts.shape[1])
        if isinstance(self.model, TreeModel):
            graph.trees(self.encoding.raw_in(graph), self.model.attributes())
            link = self.model.link
        else:
            weights, bias, link = self.model.served()
            graph.affine(self.encoding.standardised_in(graph), weights, bias)
        return graph.finished(link, n_classes)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A family of models and a recipe of imbalance."""

    family: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """What the table of what was tried calls it."""
        return f"{self.family}, {self.recipe}"


def candidates(imbalance: Imbalance, n_classes: int) -> list[Candidate]:
    """Return what is compared, from the simplest on; boosted trees have no focal loss."""
    recipes = RECIPES if imbalance == "auto" else (imbalance,)
    trees = [r for r in recipes if r != "focal" and n_classes <= MAX_TREE_CLASSES]
    return [*(Candidate(LINEAR, r) for r in recipes), *(Candidate(TREES, r) for r in trees)]


def train_table(
    inputs: Sequence[Features],
    labels: AnyLabels,
    columns: Sequence[Column],
    *,
    task: Task,
    n_classes: int,
    groups: npt.NDArray[np.integer[Any]],
    seed: int,
    imbalance: Imbalance,
    criterion: Criterion,
    progress: Progress,
) -> Trained:
    """Fit the model of a table that does best on rows held out; `model_store.training.train.train` says how.

    Raises
    ------
    FeatureInvalid
        For a row that is not made of the columns.
    NoUsableColumn, TooFewGroups
    """
    front_end = table_front_end(columns)
    table = _table(front_end, inputs)
    options = {each.name: each for each in candidates(imbalance, n_classes)}

    def fit(rows: Table, own: AnyLabels, encoding: Encoding, candidate: Candidate) -> TableModel:
        return _fitted(rows, own, encoding, candidate, task=task, n_classes=n_classes, seed=seed)

    def open_fold(fitted: RowNumbers, held_out: RowNumbers) -> OpenFold:
        mine, rest = table.take(fitted), table.take(held_out)
        encoding = Encoding.of(mine)
        return lambda name: fit(mine, labels[fitted], encoding, options[name]).predict_proba(rest)

    encoding = Encoding.of(table)
    if not encoding.width:
        raise NoUsableColumn([column.name for column in columns])
    selection = select(
        list(options),
        labels,
        groups,
        open_fold,
        n_classes=n_classes,
        criterion=criterion,
        seed=seed,
        progress=progress,
    )
    chosen = options[selection.chosen]
    model = fit(table, labels, encoding, chosen)
    return Trained(
        front_end=front_end,
        onnx=model.onnx(table, n_classes),
        output=LOGITS,
        predict_proba=lambda items: model.predict_proba(_table(front_end, items)),
        facts=_facts(model, chosen, columns),
        tried=selection.tried,
        chosen=selection.chosen,
    )


def table_front_end(columns: Sequence[Column]) -> ColumnInputs:
    """Return how a graph gets the columns: numbers and booleans as double, texts as strings."""
    texts = tuple(column.name for column in columns if column.kind == "text")
    numbers = tuple(column.name for column in columns if column.kind != "text")
    inputs = [GraphInput(NUMBERS, numbers, "tensor(double)")] if numbers else []
    inputs += [GraphInput(TEXTS, texts, "tensor(string)")] if texts else []
    return ColumnInputs(tuple(columns), tuple(inputs))


def _table(front_end: ColumnInputs, items: Sequence[Features]) -> Table:
    feeds = front_end.feeds(items)
    none = (len(items), 0)
    return Table(feeds.get(NUMBERS, np.zeros(none)), feeds.get(TEXTS, np.empty(none, dtype=np.object_)))


def _fitted(
    table: Table,
    labels: AnyLabels,
    encoding: Encoding,
    candidate: Candidate,
    *,
    task: Task,
    n_classes: int,
    seed: int,
) -> TableModel:
    if candidate.family == TREES:
        trees = fit_trees(
            encoding.raw(table), labels, candidate.recipe, task=task, n_classes=n_classes, seed=seed
        )
        return TableModel(encoding, trees)
    linear = fit_linear_model(
        encoding.standardised(table).astype(np.float32),
        labels,
        candidate.recipe,
        task=task,
        n_classes=n_classes,
        seed=seed,
        inverse_penalty=INVERSE_PENALTY,
    )
    return TableModel(encoding, linear)


def _categories(column: Texts) -> list[str]:
    """Return the texts of at least `MIN_ROWS` rows, the commonest `MAX_CATEGORIES` of them, sorted."""
    values, counts = np.unique(column.astype(str), return_counts=True)
    commonest = np.argsort(-counts, kind="stable")[:MAX_CATEGORIES]
    return sorted(str(values[at]) for at in commonest if counts[at] >= MIN_ROWS)


def _facts(model: TableModel, chosen: Candidate, columns: Sequence[Column]) -> dict[str, Any]:
    texts = [column.name for column in columns if column.kind == "text"]
    unused = [name for at, name in enumerate(texts) if at not in model.encoding.text_columns]
    facts = {
        "estimator": f"{_ESTIMATORS[chosen.family]}; {IN_WORDS[chosen.recipe]}",
        "recipe": chosen.recipe,
        "features": f"{len(columns) - len(texts)} columns of numbers, {len(texts)} of texts",
        "columns": model.encoding.width,
        "unused_columns": unused,
        "categories": sum(map(len, model.encoding.categories)),
    }
    if isinstance(model.model, TreeModel):
        return facts | {"rounds": ROUNDS, "learning_rate": LEARNING_RATE, "most_leaves": MAX_LEAVES}
    return facts | {"inverse_penalty": INVERSE_PENALTY, "iterations": model.model.linear.iterations}


_ESTIMATORS: Final = {
    LINEAR: "logistic regression on standardised numbers and one-hot texts",
    TREES: "histogram gradient boosting on numbers and one-hot texts",
}
