"""Recognise: which columns does a graph from elsewhere take, and which of its outputs holds the answer?

What the graph says is believed, what its user declares goes before it, and what is left is settled by the
file's header and said (`assumed`). Nothing is run here: `model_store.foreign.answers` looks at the values.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from model_store.errors import ImportRefused
from model_store.foreign.embedding import declared_embedding
from model_store.foreign.graph import PlainGraph, Port
from model_store.graphs.columns import GraphInput
from model_store.graphs.inputs import OnnxType, TextInput
from model_store.graphs.outputs import OutputKind

FEATURE_NAMES: Final = "feature_names"  # the key of the model's metadata that is read
_STRING: Final = "tensor(string)"
_LABEL_TYPES: Final = frozenset({"tensor(int64)", "tensor(int32)", "tensor(string)", "tensor(bool)"})
_USUAL_NAMES: Final = ("prob", "logit", "score")
_SHOWN: Final = 20


class Unrecognised(ImportRefused):
    """The graph does not say what it takes or gives; the message says how to declare it."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the user of a model says about it.

    Parameters
    ----------
    text : str, optional
        Column with the text, for a graph that takes one.
    features : tuple of str
        Columns in the order in which the graph takes them, over all its inputs.
    inputs : mapping of str to tuple of str
        Columns by input, where inputs take several each.
    output : str, optional
        Output with the scores; also one that the file makes dictionaries of.
    output_kind : str, optional
        What the scores are, see `model_store.graphs.outputs.OutputSpec`.
    classes : tuple of str
        Names in the order of the score's columns.
    embedding : str, optional
        Output with a vector of each item.
    """

    text: str | None = None
    features: tuple[str, ...] = ()
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    output: str | None = None
    output_kind: OutputKind | None = None
    classes: tuple[str, ...] = ()
    embedding: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What the graph takes: a text, or the columns of a table.

    Parameters
    ----------
    text_column : str, optional
        Column of the file that holds the text.
    """

    text: TextInput | None = None
    text_column: str | None = None
    inputs: tuple[GraphInput, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table, in the order in which they are fed."""
        return tuple(name for each in self.inputs for name in each.columns)

    def __str__(self) -> str:
        if self.text is not None:
            return f"text of column {self.text_column!r} as {self.text.input!r}"
        parts = [f"{each.input!r} {each.type} of {listed(each.columns)}" for each in self.inputs]
        return "; ".join(parts[:_SHOWN]) + (
            f"; and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        )


@dataclass(frozen=True, slots=True)
class Given:
    """What the graph gives.

    Parameters
    ----------
    scores : Port
        Holds logits or probabilities; which of them, the values tell.
    label : Port, optional
        Holds the class that the exporter would choose; a check, not served.
    classes : tuple of str
        In the order of the scores' columns; () if neither graph nor user names them.
    named_by : str
        Who names them: "declared", "graph", or "" if nobody does.
    multilabel : bool, optional
        Whether labels go together; None if the graph leaves that open.
    embedding : Port, optional
        Holds a vector of each item.
    """

    scores: Port
    label: Port | None
    classes: tuple[str, ...]
    named_by: str
    multilabel: bool | None
    embedding: Port | None = None


def recognise_inputs(
    graph: PlainGraph, declared: Declared, header: Sequence[str], taken: Collection[str]
) -> Taken:
    """Return which columns of a file the graph takes.

    Parameters
    ----------
    header : sequence of str
        Names of the file's columns.
    taken : collection of str
        Those that say something else about a row: its label, its source, its id.

    Raises
    ------
    Unrecognised
    """
    free = [name for name in header if name not in taken]
    if unknown := sorted(declared.inputs.keys() - {port.name for port in graph.inputs}):
        raise Unrecognised(f"the graph has no input {unknown[0]!r}; it takes {_ports(graph.inputs)}")
    if _takes_text(graph, declared):
        return _text(graph.inputs[0], declared, free)
    if declared.text is not None:
        raise Unrecognised(
            f"--text is for a graph that takes one string, this one takes {_ports(graph.inputs)}; "
            "name its columns with --features"
        )
    assumed: list[str] = []
    columns = _columns(graph, declared, free, assumed)
    inputs = tuple(GraphInput(p.name, columns[p.name], cast(OnnxType, p.type)) for p in graph.inputs)
    _check_once([name for each in inputs for name in each.columns])
    return Taken(inputs=inputs, assumed=tuple(assumed))


def recognise_outputs(graph: PlainGraph, declared: Declared) -> Given:
    """Return which output holds the scores, which the label, and what the classes are called.

    Raises
    ------
    Unrecognised, EmbeddingRefused
    """
    embedding = None if declared.embedding is None else declared_embedding(graph, declared.embedding)
    scores = _scores(graph, declared)
    labels = [port for port in graph.outputs if port.type in _LABEL_TYPES and port.name != scores.name]
    label = labels[0] if labels else None
    if declared.output_kind is None and label is None and graph.maker(scores.name).endswith("Regressor"):
        raise Unrecognised(
            f"output {scores} is made by {graph.maker(scores.name)}: the model predicts a number, no class; "
            "export a classifier, or declare --output-kind if these are scores of classes"
        )
    multilabel = _multilabel(graph, scores, label)
    names = graph.classes.get(scores.name) or (graph.classes.get(label.name) if label else None) or ()
    if multilabel and names == tuple(map(str, range(len(names)))):
        names = ()  # numbers of columns, not names of labels
    if declared.classes:
        _check_once(declared.classes)
        return Given(scores, label, declared.classes, "declared", multilabel, embedding)
    return Given(scores, label, names, "graph" if names else "", multilabel, embedding)


def listed(names: Sequence[str]) -> str:
    """Return names in one line, at most twenty of them."""
    shown = ", ".join(names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _takes_text(graph: PlainGraph, declared: Declared) -> bool:
    port = graph.inputs[0]
    one_string = (
        len(graph.inputs) == 1 and port.type == _STRING and port.shape in ((None,), (None, 1), (None, None))
    )
    return one_string and not declared.features and not declared.inputs.get(port.name)


def _text(port: Port, declared: Declared, free: Sequence[str]) -> Taken:
    front_end = TextInput(port.name, 1 if port.rank == 1 else 2)
    if declared.text is not None:
        return Taken(front_end, declared.text)
    if port.name in free:
        return Taken(front_end, port.name)
    if len(free) == 1:
        return Taken(front_end, free[0], assumed=(f"the text is in {free[0]!r}, the only column left",))
    raise Unrecognised(
        f"the graph takes a text; name its column with --text, the columns left are {listed(free)}"
    )


def _columns(
    graph: PlainGraph, declared: Declared, free: Sequence[str], assumed: list[str]
) -> dict[str, tuple[str, ...]]:
    if declared.features:
        return _dealt(graph.inputs, declared.features, "--features names")
    found = {name: columns for name, columns in declared.inputs.items() if columns}
    open_ports = [port for port in graph.inputs if port.name not in found]
    for port in open_ports:
        if port.name in free and _width(port) in (1, None):
            found[port.name] = (port.name,)
    open_ports = [port for port in open_ports if port.name not in found]
    if open_ports and len(open_ports) == len(graph.inputs) and (names := _from_metadata(graph)):
        return _dealt(graph.inputs, names, f"{FEATURE_NAMES!r} of the model's metadata names")
    if len(open_ports) == 1:
        port, rest = (
            open_ports[0],
            [name for name in free if name not in {n for c in found.values() for n in c}],
        )
        if _width(port) == len(rest):
            found[port.name] = tuple(rest)
            assumed.append(f"{port.name!r} takes {listed(rest)}, in the order of the file's columns")
            open_ports = []
    if open_ports:
        raise Unrecognised(_unnamed(open_ports[0], free, several=len(graph.inputs) > 1))
    for port in graph.inputs:
        _check_width(port, found[port.name])
    return found


def _dealt(ports: Sequence[Port], names: Sequence[str], who: str) -> dict[str, tuple[str, ...]]:
    """Deal names to the inputs in order, to each as many as it takes."""
    widths = [_width(port) for port in ports]
    if len(ports) == 1 and widths[0] is None:
        return {ports[0].name: tuple(names)}
    if None in widths:
        raise Unrecognised(
            f"how many columns each of {_ports(ports)} takes is not said; name them by --input NAME=COL,COL"
        )
    known = cast(list[int], widths)
    if sum(known) != len(names):
        raise Unrecognised(
            f"{who} {len(names)} columns, and the graph takes {sum(known)}: {_ports(ports)}; "
            "name the columns it was trained on, in that order"
        )
    ends = [sum(known[: place + 1]) for place in range(len(known))]
    return {p.name: tuple(names[end - n : end]) for p, n, end in zip(ports, known, ends, strict=True)}


def _from_metadata(graph: PlainGraph) -> tuple[str, ...]:
    """Return the names of the columns that the model's metadata lists, as JSON or between commas."""
    said = graph.metadata.get(FEATURE_NAMES, "")
    try:
        names = json.loads(said)
    except ValueError:
        names = [name.strip() for name in said.split(",") if name.strip()]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(names)


def _unnamed(port: Port, free: Sequence[str], *, several: bool) -> str:
    width = _width(port)
    takes = (
        "columns whose number the graph does not say"
        if width is None
        else f"{width} column{'s' * (width > 1)}"
    )
    how = f"--input {port.name}=COL,COL" if several else "--features COL,COL"
    left = f"the {len(free)} columns left are {listed(free)}" if free else "no column is left"
    return f"input {port} takes {takes}, and {left}; name them in the order of training with {how}"


def _check_width(port: Port, columns: Sequence[str]) -> None:
    width = _width(port)
    if width is not None and width != len(columns):
        raise Unrecognised(
            f"input {port} takes {width} columns, {len(columns)} are named: {listed(columns)}; "
            "name the columns it was trained on, in that order"
        )


def _width(port: Port) -> int | None:
    return port.shape[1] if port.shape is not None and len(port.shape) == 2 else None


def _check_once(names: Sequence[str]) -> None:
    if again := sorted({name for name in names if names.count(name) > 1}):
        raise Unrecognised(f"{again[0]!r} is named twice; name each column and class once")


def _scores(graph: PlainGraph, declared: Declared) -> Port:
    floats = [port for port in graph.outputs if port.is_float]
    if declared.output is not None:
        name = graph.stands_for.get(declared.output, declared.output)
        if name in graph.unread:
            raise Unrecognised(
                f"output {name!r} is a list or a dictionary; name one with tensors: {_ports(floats)}"
            )
        if name not in {port.name for port in floats}:
            raise Unrecognised(
                f"the graph has no scores {declared.output!r}; it gives {_ports(graph.outputs)}"
            )
        return next(port for port in floats if port.name == name)
    # The scores may be the embedding too, but where there is another output it is that.
    floats = [port for port in floats if port.name != declared.embedding] or floats
    if len(floats) == 1:
        return floats[0]
    for usual in _USUAL_NAMES:
        if len(named := [port for port in floats if usual in port.name.lower()]) == 1:
            return named[0]
    if not floats:
        given = _ports(graph.outputs) or ", ".join(graph.unread)
        raise Unrecognised(
            f"the graph gives no scores, only {given}; export the classifier with its probabilities"
        )
    raise Unrecognised(f"several outputs may be the scores: {_ports(floats)}; name one with --output")


def _multilabel(graph: PlainGraph, scores: Port, label: Port | None) -> bool | None:
    if "SequenceConstruct" in graph.removed or scores.rank == 3:
        return True
    if label is None:
        return None
    return label.rank == 2 and label.shape is not None and label.shape[1] != 1


def _ports(ports: Sequence[Port]) -> str:
    shown = ", ".join(map(str, ports[:_SHOWN]))
    return shown + (f" and {len(ports) - _SHOWN} more" if len(ports) > _SHOWN else "")
