"""Surgery: how is an operator taken off an ONNX graph, or put before or behind it, with the rest as it was?

Everything here changes the model it is given; `model_store.foreign.graph` works on a copy of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from onnx import TensorProto, helper, numpy_helper

# protobuf makes these classes when it is imported: to a type checker they have no attributes.
Model: TypeAlias = Any
Node: TypeAlias = Any
Value: TypeAlias = Any
Makers: TypeAlias = Mapping[str, Node]  # tensor -> the node that makes it

_RENAMES: Final = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Flatten"})
_CLASS_ATTRIBUTES: Final = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


def makers(model: Model) -> dict[str, Node]:
    """Return the node that makes each tensor of the main graph."""
    return {name: node for node in model.graph.node for name in node.output}


def source(made_by: Makers, name: str) -> Node | None:
    """Return the node that computes a tensor; what only renames or reshapes it is passed over."""
    node = made_by.get(name)
    while node is not None and node.op_type in _RENAMES:
        node = made_by.get(node.input[0])
    return node


def nodes(model: Model) -> Iterator[Node]:
    """Yield every node, those within branches and loops too."""
    return _within(model.graph)


def texts(model: Model) -> Iterator[str]:
    """Yield the texts among the attributes of all nodes and the constants of the main graph."""
    for node in nodes(model):
        for attribute in node.attribute:
            yield from (value.decode("utf-8", "replace") for value in attribute.strings)
    for each in model.graph.initializer:
        yield from (value.decode("utf-8", "replace") for value in each.string_data)


def replace(field: Any, values: Iterable[Any]) -> None:
    """Give a repeated field other values."""
    kept = list(values)
    del field[:]
    field.extend(kept)


def tensor(name: str, sizes: Sequence[int | None] | None, kind: int = TensorProto.FLOAT) -> Value:
    """Return the description of a tensor; a size of None is any, and so is a shape of None."""
    return helper.make_tensor_value_info(name, kind, sizes if sizes is None else list(sizes))


def class_names(node: Node) -> tuple[str, ...]:
    """Return the classes that a classifier or a ZipMap lists, in the order of its columns; () without."""
    for attribute in node.attribute:
        if attribute.name in _CLASS_ATTRIBUTES:
            return _texts(helper.get_attribute_value(attribute))
    return ()


def classes_behind(model: Model, made_by: Makers, name: str) -> tuple[str, ...]:
    """Return the classes in the order of the columns that a tensor of labels is chosen by; () if unknown."""
    node = source(made_by, name)
    if node is None:
        return ()
    if names := class_names(node):
        return names
    if node.op_type in ("ArrayFeatureExtractor", "Gather"):  # classes[argmax]
        for constant in model.graph.initializer:
            if constant.name == node.input[0]:
                return _texts(numpy_helper.to_array(constant).ravel().tolist())
    return ()


def join_pairs(model: Model, parts: Sequence[str], name: str) -> str:
    """Put the second column of each (n, 2) tensor side by side, as a new tensor of shape (n, len(parts)).

    A part with another number of columns than two gives another number of rows, or fails: it cannot pass
    unseen.
    """
    joined = unused(model, f"{name}_joined")
    shape = constant(model, f"{joined}_shape", np.array([-1, 2], dtype=np.int64))
    second = constant(model, f"{joined}_second", np.array([1], dtype=np.int64))
    columns = []
    for position, part in enumerate(parts):
        pairs = add(model, "Reshape", [part, shape], f"{joined}_pairs_{position}")
        columns.append(add(model, "Gather", [pairs, second], f"{joined}_column_{position}", axis=1))
    return add(model, "Concat", columns, joined, axis=1)


def join_columns(model: Model, columns: Sequence[str]) -> str:
    """Put tensors of one value an item side by side, as a new tensor of shape (n, len(columns))."""
    joined = unused(model, "probabilities_joined")
    shape = constant(model, f"{joined}_shape", np.array([-1, 1], dtype=np.int64))
    parts = [
        add(model, "Reshape", [column, shape], f"{joined}_column_{position}")
        for position, column in enumerate(columns)
    ]
    return add(model, "Concat", parts, joined, axis=1)


def feed_as(model: Model, value: Value, kind: int) -> Value:
    """Let an input of one axis or two be fed as type `kind` with two; the graph gets what it was made for.

    The input keeps its name: that is what items name their columns by.
    """
    sizes = [each.dim_value or None for each in value.type.tensor_type.shape.dim]
    declared = value.type.tensor_type.elem_type
    inner = unused(model, f"{value.name}_as_declared")
    rename(model, value.name, inner)
    before, steps = value.name, []
    if len(sizes) == 1:
        shape = constant(model, f"{inner}_shape", np.array([-1], dtype=np.int64))
        flat = inner if kind == declared else unused(model, f"{value.name}_flat")
        steps.append(helper.make_node("Reshape", [before, shape], [flat]))
        before = flat
    if kind != declared:
        steps.append(helper.make_node("Cast", [before], [inner], to=declared))
    for step in reversed(steps):
        model.graph.node.insert(0, step)
    return tensor(value.name, [None, 1] if len(sizes) == 1 else sizes, kind)


def as_float(model: Model, name: str, declared: str) -> None:
    """Let an output of another floating-point type be one of type float, under the same name."""
    inner = unused(model, f"{name}_{declared}")
    rename(model, name, inner)
    model.graph.node.append(helper.make_node("Cast", [inner], [name], to=TensorProto.FLOAT))


def use_any_locale(model: Model) -> bool:
    """Let texts be put in lower case under a locale that small images have; tell whether any needed it.

    The default of `StringNormalizer`, en_US.UTF-8, is not installed in slim images, where such a graph cannot
    be loaded. Under C.UTF-8, which is part of glibc, letters have the same lower case.
    """
    changed = False
    for node in nodes(model):
        if node.op_type == "StringNormalizer":
            named = {each.name: each for each in node.attribute}
            if "locale" not in named or named["locale"].s in (b"", b"en_US", b"en_US.UTF-8"):
                replace(node.attribute, [each for each in node.attribute if each.name != "locale"])
                node.attribute.append(helper.make_attribute("locale", "C.UTF-8"))
                changed = True
    return changed


def prune(model: Model) -> None:
    """Drop every node, constant and description that no output needs; inputs stay."""
    graph = model.graph
    made_by = makers(model)
    needed = {value.name for value in graph.output}
    waiting, kept = list(needed), set()
    while waiting:
        node = made_by.get(waiting.pop())
        if node is not None and id(node) not in kept:
            kept.add(id(node))
            new = set(_reads(node)) - needed
            needed |= new
            waiting += new
    replace(graph.node, [node for node in graph.node if id(node) in kept])
    replace(graph.initializer, [each for each in graph.initializer if each.name in needed])
    replace(
        graph.sparse_initializer, [each for each in graph.sparse_initializer if each.values.name in needed]
    )
    inside = needed - {value.name for value in (*graph.input, *graph.output)}
    replace(graph.value_info, [each for each in graph.value_info if each.name in inside])


def rename(model: Model, old: str, new: str) -> None:
    """Give a tensor another name wherever it is made or read."""
    for node in nodes(model):
        replace(node.input, [new if name == old else name for name in node.input])
        replace(node.output, [new if name == old else name for name in node.output])
    for value in model.graph.value_info:
        value.name = new if value.name == old else value.name


def add(model: Model, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
    """Append a node of one output and return the name of that."""
    model.graph.node.append(helper.make_node(operator, list(inputs), [output], **attributes))
    return output


def constant(model: Model, name: str, value: np.ndarray[Any, Any]) -> str:
    """Add a constant and return its name."""
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def unused(model: Model, wanted: str) -> str:
    """Return a name that begins with `wanted` and that no tensor begins with."""
    graph = model.graph
    taken = {name for node in nodes(model) for name in (*node.input, *node.output)}
    taken |= {each.name for each in (*graph.initializer, *graph.input, *graph.output)}
    name = wanted
    while any(each.startswith(name) for each in taken):
        name += "_"
    return name


def _within(graph: Any) -> Iterator[Node]:
    for node in graph.node:
        yield node
        for inner in _subgraphs(node):
            yield from _within(inner)


def _subgraphs(node: Node) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _reads(node: Node) -> Iterator[str]:
    yield from node.input
    for graph in _subgraphs(node):
        yield from (value.name for value in graph.output)
        for inner in graph.node:
            yield from _reads(inner)


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(text_of(value) for value in values)


def text_of(value: Any) -> str:
    """Return a class as a labelled file writes it: 1 and 1.0 are both "1"."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
