"""Reading: what do the rows of a labelled file show a graph from elsewhere to be?

The file's header and the graph say which columns go where; the answers to its rows say on which scale the
scores are, and whether their columns are the classes they are taken for.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import AnyFrontEnd
from model_store.calibrating.calibration import LogProbabilities, indicators
from model_store.data.labelled import Labelled, labelled_of
from model_store.data.rows import Progress, Rows
from model_store.errors import ImportRefused
from model_store.foreign.answers import Answers, answers_to, kind_of, open_session
from model_store.foreign.class_order import check_order
from model_store.foreign.embedding import embedding_of
from model_store.foreign.feeding import check_finite, feed
from model_store.foreign.graph import PlainGraph, read_graph
from model_store.foreign.naming import Naming, name_classes
from model_store.foreign.recognise import Declared, Given, Taken, listed, recognise_inputs, recognise_outputs
from model_store.foreign.surgery import text_of
from model_store.graphs.embedding import EmbeddingGraph
from model_store.graphs.inputs import Input
from model_store.graphs.outputs import OutputSpec, Task

# Standard errors; columns of scores are not independent, so this is less than it seems.
LEAST_SKILL: Final = 3.0
_SHOWN: Final = 5


class Unproven(ImportRefused):
    """Something was assumed, and the labels of the file do not bear it out."""

    def __init__(self, assumed: Sequence[str], skill: float, rows: int) -> None:
        super().__init__(tuple(assumed), skill, rows)
        self.assumed, self.skill, self.rows = tuple(assumed), skill, rows

    def __str__(self) -> str:
        return (
            f"the scores do not go with the labels of {self.rows} rows ({self.skill:.1f} standard errors, "
            f"at least {LEAST_SKILL:g} are needed), and only the file says this: {'; '.join(self.assumed)}; "
            "declare what the model was trained on with --features or --classes, or add rows"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A graph, what of a file it takes, and what it gives."""

    graph: PlainGraph
    taken: Taken
    given: Given
    declared: Declared


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the rows of the file show a graph to be."""

    front_end: AnyFrontEnd
    items: Sequence[Input]
    answers: Answers
    output: OutputSpec
    naming: Naming
    labelled: Labelled
    embedding: EmbeddingGraph | None = None

    @property
    def task(self) -> Task:
        """What the model does."""
        return self.labelled.task

    def shape(self) -> tuple[int | None, ...]:
        """Return the sizes of the scores, that of the items left open."""
        sizes = self.answers.scores.shape
        items = 1 if len(sizes) == 3 else 0
        return tuple(None if axis == items else size for axis, size in enumerate(sizes))

    def recognised(self, opened: Opened) -> dict[str, str]:
        """Return inputs, output, classes and embedding, a line each."""
        scores = self.output.name
        was = [name for name, tensor in opened.graph.stands_for.items() if tensor == scores]
        before = f" (in place of {', '.join(was[:_SHOWN])})" if was else ""
        vectors = self.embedding
        return {
            "inputs": str(opened.taken),
            "output": f"{scores!r}{before}: {self.output.kind.replace('_', ' ')}",
            "classes": f"{listed(self.naming.classes)}: {self.task}, {self.naming.basis}",
        } | (
            {}
            if vectors is None
            else {"embedding": f"{vectors.spec.name!r}: {vectors.spec.dimensions} numbers"}
        )

    def assumed(self, opened: Opened) -> tuple[str, ...]:
        """Return what nothing but the file says."""
        named = (f"the classes are {listed(self.naming.classes)}",) if self.naming.assumed else ()
        return (*opened.taken.assumed, *named)


def open_model(
    path: Path, declared: Declared | None = None, *, header: Sequence[str], taken: Collection[str] = ()
) -> Opened:
    """Read a graph and recognise what it takes of a file with this header, before a row is read.

    Parameters
    ----------
    taken : collection of str
        Columns that say something else about a row: its label, its source, its id.

    Raises
    ------
    GraphRefused, Unrecognised
    """
    said = declared or Declared()
    graph = read_graph(path)
    given = recognise_outputs(graph, said)
    return Opened(graph, recognise_inputs(graph, said, header, taken), given, said)


def read(opened: Opened, rows: Rows, report: Progress) -> Reading:
    """Run the graph on every row, and settle by the answers what it is.

    Raises
    ------
    ImportRefused, RowsError, TrainingError
    """
    given = opened.given
    front_end, items = feed(opened.graph, opened.taken, rows)
    session = open_session(opened.graph)
    answers = answers_to(session, front_end, items, given, path=rows.path, report=report)
    check_finite(answers, rows)
    multilabel = rows.label_sets is not None if given.multilabel is None else given.multilabel
    declared = opened.declared.output_kind
    kind = kind_of(answers.scores, given, multilabel=multilabel, declared=declared)
    output = OutputSpec(given.scores.name, kind)
    columns = output.columns(answers.scores).shape[1]
    if columns == 1 and not multilabel:
        columns = 2
    naming = name_classes(rows, given, columns=columns, multilabel=multilabel)
    task: Task = "multilabel" if multilabel else "binary" if columns == 2 else "multiclass"
    labelled = labelled_of(rows, naming.classes, task=task)
    embedding = None
    if given.embedding is not None:
        embedding = embedding_of(opened.graph, given.embedding, session, front_end, items)
    return Reading(front_end, items, answers, output, naming, labelled, embedding)


def check(opened: Opened, reading: Reading, raw: LogProbabilities) -> tuple[str, ...]:
    """Refuse what the label output or the labels of the file contradict, and return what is odd.

    Raises
    ------
    OrderRefused, Unproven
    """
    classes, basis = reading.naming.classes, reading.naming.basis
    chosen = _chosen(opened, reading)
    if chosen is not None:
        check_order(
            raw, indicators(chosen, len(classes)), classes, basis=basis, evidence="the labels the graph gives"
        )
    truth = indicators(reading.labelled.labels, len(classes))
    found = check_order(raw, truth, classes, basis=basis, evidence="the labels of the file")
    if found.skill >= LEAST_SKILL:
        return ()
    if assumed := reading.assumed(opened):
        raise Unproven(assumed, found.skill, len(raw))
    return (
        f"the scores hardly go with the labels of the file ({found.skill:.1f} standard errors): check that "
        "the columns have the order of training, and the labels the meaning",
    )


def _chosen(opened: Opened, reading: Reading) -> npt.NDArray[np.int64] | None:
    """Return the class of each row that the graph's label output says, if it can be read."""
    labels, port = reading.answers.labels, opened.given.label
    if labels is None or port is None or reading.task == "multilabel":
        return None
    said = [text_of(value) for value in labels.ravel().tolist()]
    for names in (reading.naming.classes, opened.graph.classes.get(port.name, ())):
        if len(names) == len(reading.naming.classes) and set(said) <= set(names):
            return np.array([names.index(label) for label in said], dtype=np.int64)
    return None
