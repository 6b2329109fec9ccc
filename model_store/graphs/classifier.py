"""What does the graph say about these items: from items to raw log-probabilities, through ONNX Runtime."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.errors import BundleInvalid, ClassifierUnusable, FeatureInvalid
from model_store.graphs.inputs import Feeds, FrontEnd, Input, Probe, Rows
from model_store.graphs.outputs import LOGITS, Decoder, LogProbabilities, OutputSpec, Raw, Task, measured_clip
from model_store.graphs.session import check_inputs, first_line, fits, names_of, open_session, shown
from model_store.graphs.text import TextFrontEnd

# The TF-IDF graph gathers rows x columns x classes floats. 256 texts, 151 classes: 37 us a text in groups of
# 1 MB that stay in the cache of a core, 50 us as one group. A single long text may exceed it.
_BUDGET_FLOATS: Final = 1 << 18
# What batch mates may move a probability by: padding changes the order in which a sum is rounded.
BATCH_TOLERANCE: Final = 1e-5
_FIRST: Final = slice(0, 1)
_NO_ANSWER: Final = "the model gives no finite answer; check its values against those it was trained on"


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A front end and a session; `open` makes one that fits together."""

    front_end: FrontEnd
    session: Any
    n_classes: int
    output: OutputSpec = LOGITS
    task: Task = "multiclass"
    _outputs: list[str] = field(init=False, repr=False)
    _decode: Decoder = field(init=False, repr=False)
    _foreign: bool = field(init=False, repr=False)
    _cells: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Look up once what every run needs."""
        object.__setattr__(self, "_outputs", [self.output.name])
        object.__setattr__(self, "_decode", self.output.decoder(self.task))
        object.__setattr__(self, "_foreign", not isinstance(self.front_end, TextFrontEnd))
        object.__setattr__(self, "_cells", max(1, _BUDGET_FLOATS // self.n_classes))

    @classmethod
    def open(
        cls,
        path: Path,
        front_end: FrontEnd,
        *,
        n_classes: int,
        output: OutputSpec = LOGITS,
        task: Task = "multiclass",
        threads: int = 1,
    ) -> "Classifier":
        """Return the classifier of the graph at `path`.

        Parameters
        ----------
        threads
            Threads within one operator. Workers are the parallelism for small models: 1.

        Raises
        ------
        BundleInvalid
            If the graph cannot be loaded, or its inputs or its output are not those of the front end, the
            output's kind and `n_classes`.
        """
        session = open_session(path, threads)
        check_inputs(path, session, front_end)
        _check_output(path, session, output, task, n_classes)
        return cls(front_end, session, n_classes, output, task)

    def log_probabilities(self, inputs: Sequence[Input]) -> LogProbabilities:
        """Return log-probabilities, float32 of shape (n_items, n_classes), rows in order.

        Rows of a binary or multiclass model are a log softmax; those of a multilabel model hold each label's
        own log-probability. A row depends on its own item only; batch mates move a probability by rounding,
        below `BATCH_TOLERANCE`. Memory is bounded: many items run in groups.

        Raises
        ------
        FeatureInvalid
            For the first item that is not one the model takes, or that the graph has no finite answer to.
        """
        if len(inputs) == 1:
            return self._answers(self.front_end.feeds(inputs), _FIRST)
        found = np.empty((len(inputs), self.n_classes), dtype=np.float32)
        for rows, feeds in self.front_end.batches(inputs, self._cells):
            found[rows] = self._answers(feeds, rows)
        return found

    def with_measured_clip(self, inputs: Sequence[Input]) -> "Classifier":
        """Return the classifier whose clip is the measured one for `inputs`, see `outputs.measured_clip`.

        `inputs` should be those that the calibration is fitted on. Logits are not clipped: where the graph
        gives them, this is the same classifier.

        Raises
        ------
        FeatureInvalid
            As `log_probabilities`.
        """
        if self.output.gives_logits:
            return self
        clip = measured_clip(self._sides(inputs))
        return replace(self, output=replace(self.output, clip=clip))

    def _sides(self, inputs: Sequence[Input]) -> Iterator[npt.NDArray[np.floating[Any]]]:
        """Yield what may be 0: probabilities and, where a column stands alone, what they leave of 1."""
        alone = self.task == "multilabel" or self.output.kind == "positive_probability"
        for rows, feeds in self.front_end.batches(inputs, self._cells):
            columns = self.output.columns(self._run_or_refuse(feeds, rows))
            yield np.hstack([columns, 1 - columns]) if alone else columns

    def warm_up(self) -> None:
        """Run the graph alone and in company, so that first requests are neither slow nor a surprise.

        Raises
        ------
        ClassifierUnusable
            If the graph cannot answer an item that the front end allows, gives anything but finite numbers
            of the right shape, gives probabilities that are none, or lets batch mates change an answer; and,
            behind a TF-IDF, if it has not exactly one row of weights for each column of the front end.
        """
        if isinstance(self.front_end, TextFrontEnd):
            self._check_vocabulary(self.front_end.n_columns)
        answers = [(probe.item, self._answer_to(probe)) for probe in self.front_end.probes()]
        answered = [(item, answer) for item, answer in answers if answer is not None]
        company = answered if len(answered) > 1 else answered * 3
        together = np.exp(self.log_probabilities([item for item, _ in company]))
        moved = float(np.abs(together - np.exp(np.vstack([answer for _, answer in company]))).max())
        if not moved <= BATCH_TOLERANCE:
            raise ClassifierUnusable(
                f"moves a probability by {moved:.2g} when items run together, at most {BATCH_TOLERANCE:g} is "
                "allowed; export it without operators that work across a batch"
            )

    def _answer_to(self, probe: Probe) -> LogProbabilities | None:
        """Return the answer, None where the graph may refuse and does."""
        try:
            raw = self._run(self.front_end.feeds([probe.item]))
        except Exception as error:  # ORT's exceptions share no base but Exception
            if probe.needed:
                raise ClassifierUnusable(f"cannot answer {probe.about} ({first_line(error)})") from error
            return None
        if problem := self.output.problem_of(raw, 1, self.n_classes):
            raise ClassifierUnusable(f"answers {probe.about} with {problem}")
        with np.errstate(all="ignore"):
            found = self._decode(raw)
        if np.isfinite(found).all():
            return found
        if probe.needed:
            raise ClassifierUnusable(f"answers {probe.about} with numbers that are not finite")
        return None

    def _check_vocabulary(self, columns: int) -> None:
        if not self._has_column(columns - 1) or self._has_column(columns):
            raise ClassifierUnusable(f"has not exactly the {columns} rows of weights the front end needs")

    def _has_column(self, column: int) -> bool:
        ids, weights = np.array([[column]], dtype=np.int64), np.ones((1, 1), dtype=np.float32)
        try:
            self._run({"ids": ids, "weights": weights})
        except Exception:  # ORT's exceptions share no base but Exception
            return False
        return True

    def _answers(self, feeds: Feeds, rows: Rows) -> LogProbabilities:
        """Return the answers to `rows`; what our own export answers needs no further look."""
        if not self._foreign:
            return self._decode(self.session.run(self._outputs, feeds)[0])
        with np.errstate(all="ignore"):
            found = self._decode(self._run_or_refuse(feeds, rows))
        if not np.isfinite(found).all():
            first = int(np.isfinite(found).all(axis=1).argmin())
            raise FeatureInvalid(_position(rows, first), None, _NO_ANSWER)
        return found

    def _run_or_refuse(self, feeds: Feeds, rows: Rows) -> Raw:
        """Return the output of a run; where it fails because of one row, FeatureInvalid says which."""
        try:
            return self._run(feeds)
        except Exception as error:  # ORT's exceptions share no base but Exception
            refused = self._first_refused(feeds)
            if refused is None:
                raise
            raise FeatureInvalid(_position(rows, refused), None, _NO_ANSWER) from error

    def _first_refused(self, feeds: Feeds) -> int | None:
        """Return the first row that the graph does not run alone, None if it runs each."""
        for row in range(len(next(iter(feeds.values())))):
            try:
                self._run({name: array[row : row + 1] for name, array in feeds.items()})
            except Exception:  # ORT's exceptions share no base but Exception
                return row
        return None

    def _run(self, feeds: Feeds) -> Raw:
        raw: Raw = self.session.run(self._outputs, feeds)[0]
        return raw


def check_graph(path: Path) -> None:
    """Run the checker of the `onnx` package over a graph; where it is not installed, do nothing.

    A serving image leaves `onnx` out: then the session that `Classifier.open` makes is the check.

    Raises
    ------
    BundleInvalid
        If the checker finds the graph invalid.
    """
    try:
        from onnx import checker  # noqa: PLC0415 - a train-time dependency
    except ImportError:
        return
    try:
        checker.check_model(path)
    except Exception as error:  # the errors of protobuf and of the checker share no base but Exception
        raise BundleInvalid(path, f"is not a valid ONNX graph ({first_line(error)})") from error


def _check_output(path: Path, session: Any, output: OutputSpec, task: Task, n_classes: int) -> None:
    if problem := output.problem(task, n_classes):
        raise BundleInvalid(path, f"output {output.name!r}: {problem}")
    nodes = {node.name: node for node in session.get_outputs()}
    if output.name not in nodes:
        raise BundleInvalid(path, f"has no output {output.name!r}, only {names_of(nodes)}")
    node, shapes = nodes[output.name], output.shapes(None, n_classes)
    # No shape: the graph does not say, and the warm-up will see.
    if node.type not in output.types or (node.shape and not any(fits(node.shape, s) for s in shapes)):
        raise BundleInvalid(
            path,
            f"output {output.name!r} is {node.type} of shape {node.shape}, expected "
            f"{' or '.join(map(shown, shapes))} of {' or '.join(output.types)}",
        )


def _position(rows: Rows, row: int) -> int:
    return int(rows.start) + row if isinstance(rows, slice) else rows[row]
