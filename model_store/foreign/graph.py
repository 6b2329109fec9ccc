"""Graph: what does an ONNX model from elsewhere take and give, once all that it gives are tensors?

Exporters end a classifier in what reads well in Python: a list of dictionaries (ZipMap), a list with one
tensor a label (SequenceConstruct), one output a class. Reading those can cost more than the model. Here they
are taken off, and what stood before them becomes the output; nothing that computes is changed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import onnx
from onnx import TensorProto

from model_store.foreign import surgery
from model_store.foreign.onnxfile import AGAIN, GraphRefused, load
from model_store.foreign.surgery import Model, Node, Value
from model_store.graphs.inputs import ONNX_TYPES

_STANDARD: Final = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_NAMES: Final = {
    TensorProto.FLOAT: "tensor(float)",
    TensorProto.DOUBLE: "tensor(double)",
    TensorProto.FLOAT16: "tensor(float16)",
    TensorProto.INT64: "tensor(int64)",
    TensorProto.INT32: "tensor(int32)",
    TensorProto.INT16: "tensor(int16)",
    TensorProto.INT8: "tensor(int8)",
    TensorProto.UINT8: "tensor(uint8)",
    TensorProto.STRING: "tensor(string)",
    TensorProto.BOOL: "tensor(bool)",
}
# What a front end does not feed is fed as the nearest it does, and cast by the graph.
_FED_AS: Final = {
    TensorProto.FLOAT16: TensorProto.FLOAT,
    TensorProto.INT32: TensorProto.INT64,
    TensorProto.INT16: TensorProto.INT64,
    TensorProto.INT8: TensorProto.INT64,
    TensorProto.UINT8: TensorProto.INT64,
}
_FLOATS: Final = frozenset({"tensor(float)", "tensor(double)", "tensor(float16)"})


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a graph.

    Parameters
    ----------
    type : str
        As ONNX Runtime writes it.
    shape : tuple of int or None, optional
        None stands for any size; and as a whole for any shape.
    """

    name: str
    type: str
    shape: tuple[int | None, ...] | None

    @property
    def rank(self) -> int | None:
        """Number of axes, if the file says it."""
        return None if self.shape is None else len(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether its values are floating-point numbers."""
        return self.type in _FLOATS

    def __str__(self) -> str:
        sizes = "any shape" if self.shape is None else f"({', '.join(str(n or 'any') for n in self.shape)})"
        return f"{self.name!r} {self.type} {sizes}"


@dataclass(frozen=True, slots=True, eq=False)
class PlainGraph:
    """A model whose inputs a front end can feed and whose outputs are tensors.

    Parameters
    ----------
    model
        The protobuf; inputs and outputs have the order of the file.
    stands_for : mapping of str to str
        Name of an output in the file -> name of the tensor that is read in its place.
    classes : mapping of str to tuple of str
        Names of the classes that the file gives for an output: in the order of its columns, or of the
        columns by which a label output is chosen.
    removed : tuple of str
        Operators that were taken off.
    unread : tuple of str
        Outputs that are neither tensors nor made of tensors in a known way.
    any_locale : bool
        Whether a locale that small images lack was replaced, see `surgery.use_any_locale`.
    sha256 : str
        Digest of the file as it was.
    """

    path: Path
    model: Model
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    stands_for: Mapping[str, str]
    classes: Mapping[str, tuple[str, ...]]
    removed: tuple[str, ...]
    unread: tuple[str, ...]
    any_locale: bool
    sha256: str

    @property
    def metadata(self) -> dict[str, str]:
        """What the exporter or its user wrote into the file."""
        return {each.key: each.value for each in self.model.metadata_props}

    def maker(self, output: str) -> str:
        """Return the operator that computes an output; "" if none does."""
        node = surgery.source(surgery.makers(self.model), output)
        return "" if node is None else str(node.op_type)

    def foreign_operators(self) -> tuple[str, ...]:
        """Return the operators that neither ONNX nor the model itself defines, as domain:operator, sorted."""
        own = {f"{each.domain}:{each.name}" for each in self.model.functions}
        used = {f"{n.domain}:{n.op_type}" for n in surgery.nodes(self.model) if n.domain not in _STANDARD}
        return tuple(sorted(used - own))

    def strings(self) -> frozenset[str]:
        """Return every text that the model holds, categories and names of classes for instance."""
        return frozenset(surgery.texts(self.model))

    def content(self) -> bytes:
        """Return the model with all its outputs, serialised."""
        return bytes(self.model.SerializeToString())

    def served(self, output: str, shape: tuple[int | None, ...]) -> bytes:
        """Return the model with one output only, of type float and `shape`, and only what computes it."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        declared = next(port.type for port in self.outputs if port.name == output)
        if declared != "tensor(float)":
            surgery.as_float(model, output, declared)
        surgery.replace(model.graph.output, [surgery.tensor(output, shape)])
        surgery.prune(model)
        return bytes(model.SerializeToString())

    def provenance(self) -> dict[str, Any]:
        """Return what a manifest should say about the file."""
        return {
            "sha256": self.sha256,
            "producer": f"{self.model.producer_name} {self.model.producer_version}".strip(),
            "opsets": {each.domain or "ai.onnx": each.version for each in self.model.opset_import},
            "removed": list(self.removed),
            "any_locale": self.any_locale,
        }


def read_graph(path: Path) -> PlainGraph:
    """Return the model in a file, simplified; weights in files beside it are read too.

    Raises
    ------
    GraphRefused
        If it is no ONNX model, is damaged or cut short, or has an input that cannot be fed.
    """
    try:
        graph = _read(path, *load(path))
        _ = graph.provenance(), graph.metadata, graph.foreign_operators()  # every name is read once
    except UnicodeDecodeError as error:
        raise GraphRefused(path, f"is damaged: a name in it is not UTF-8; {AGAIN}") from error
    return graph


def _read(path: Path, content: bytes, model: Model) -> PlainGraph:
    constants = {each.name for each in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in constants]
    fed = [_fed(path, model, value, alone=len(values) == 1) for value in values]
    if not fed:
        raise GraphRefused(path, "takes no input; export the model with its features as the input")
    surgery.replace(model.graph.input, fed)
    found = _simplify(model)
    return PlainGraph(
        path=path,
        model=model,
        inputs=tuple(map(_port, model.graph.input)),
        outputs=tuple(map(_port, model.graph.output)),
        stands_for=found.stands_for,
        classes=found.classes,
        removed=tuple(found.removed),
        unread=tuple(found.unread),
        any_locale=surgery.use_any_locale(model),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _fed(path: Path, model: Model, value: Value, *, alone: bool) -> Value:
    """Return an input as a front end can feed it: a type it knows, and items along a free first axis.

    A text that is the only input may have one axis; columns of a table have two.
    """
    if not _is_tensor(value):
        raise GraphRefused(
            path, f"input {value.name!r} is not a tensor; export the model with tensors as inputs"
        )
    port, kind = _port(value), value.type.tensor_type.elem_type
    if port.type not in ONNX_TYPES and kind not in _FED_AS:
        raise GraphRefused(path, f"input {port} has a type that no table or text has; export it as float")
    if port.shape is None or len(port.shape) not in (1, 2):
        raise GraphRefused(
            path, f"input {port}: a table has two axes, (items, columns), and a text one or two"
        )
    if port.shape[0] is not None:
        raise GraphRefused(
            path,
            f"input {port} is for exactly {port.shape[0]} items at once; export it with a free first axis "
            "(PyTorch: dynamic_axes, scikit-learn: [None, n])",
        )
    flat = len(port.shape) == 1 and not (alone and kind == TensorProto.STRING)
    if kind in _FED_AS or flat:
        return surgery.feed_as(model, value, _FED_AS.get(kind, kind))
    return value


@dataclass(slots=True)
class _Answers:
    """What is found out about the outputs, one by one."""

    outputs: list[Value] = field(default_factory=list)
    stands_for: dict[str, str] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def _simplify(model: Model) -> _Answers:
    """Let every output of the model be a tensor, and drop what then computes nothing."""
    found = _Answers()
    made_by = surgery.makers(model)
    for value in list(model.graph.output):
        node = surgery.source(made_by, value.name)
        if _is_tensor(value):
            found.outputs.append(value)
        elif node is not None and node.op_type in ("ZipMap", "SequenceConstruct"):
            _read_before(model, node, value.name, found)
        else:
            found.unread.append(value.name)
    _join(model, found)
    surgery.replace(model.graph.output, {value.name: value for value in found.outputs}.values())
    surgery.prune(model)
    made_by = surgery.makers(model)
    for value in model.graph.output:
        if value.name not in found.classes and (names := surgery.classes_behind(model, made_by, value.name)):
            found.classes[value.name] = names
    return found


def _read_before(model: Model, node: Node, output: str, found: _Answers) -> None:
    """Read the tensor before a node that makes a sequence of it."""
    if node.op_type == "SequenceConstruct":
        tensor = surgery.join_pairs(model, node.input, output)
        found.outputs.append(surgery.tensor(tensor, [None, len(node.input)]))
    else:
        tensor, names = node.input[0], surgery.class_names(node)
        found.outputs.append(surgery.tensor(tensor, [None, len(names)] if names else None))
        found.classes |= {tensor: names} if names else {}
    found.stands_for[output] = tensor
    found.removed.append(node.op_type)


def _join(model: Model, found: _Answers) -> None:
    """Where there is one output a class and none of all, put those side by side."""
    ports = {value.name: _port(value) for value in found.outputs}
    single = [name for name, port in ports.items() if port.is_float and port.rank == 1]
    if len(single) < 2 or any(port.is_float and port.rank != 1 for port in ports.values()):
        return
    joined = surgery.join_columns(model, single)
    found.outputs = [value for value in found.outputs if value.name not in single]
    found.outputs.append(surgery.tensor(joined, [None, len(single)]))
    found.stands_for |= dict.fromkeys(single, joined)
    found.removed.append("one output a class")


def _is_tensor(value: Value) -> bool:
    return bool(value.type.WhichOneof("value") == "tensor_type")


def _port(value: Value) -> Port:
    kind = value.type.tensor_type
    sizes = None
    if kind.HasField("shape"):
        sizes = tuple(each.dim_value if each.dim_value > 0 else None for each in kind.shape.dim)
    number = kind.elem_type
    known = number in TensorProto.DataType.values()
    other = TensorProto.DataType.Name(number).lower() if known else f"type {number}"
    return Port(value.name, _NAMES.get(number, f"tensor({other})"), sizes)
