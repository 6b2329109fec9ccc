"""Which graph does ONNX Runtime run, and does it take what the front end feeds?"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from model_store.errors import BundleInvalid
from model_store.graphs.inputs import FrontEnd


def open_session(path: Path, threads: int) -> Any:
    """Return a session on the processor, with so many threads within one operator.

    Raises
    ------
    BundleInvalid
        If ONNX Runtime cannot load the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread takes the core its neighbour worker needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Both keep memory for shapes that never come again; as fast without, and a long text leaves nothing.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # what fails is raised, and told once
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ORT's exceptions share no base but Exception
        raise BundleInvalid(path, f"cannot be loaded by ONNX Runtime ({first_line(error)})") from error


def check_inputs(path: Path, session: Any, front_end: FrontEnd) -> None:
    """Refuse a graph whose inputs are not those that the front end feeds.

    Raises
    ------
    BundleInvalid
    """
    expected = front_end.signature()
    found = {node.name: node for node in session.get_inputs()}
    if other := sorted(expected.keys() ^ found.keys()):
        raise BundleInvalid(
            path,
            f"input {other[0]!r} is {'not in the graph' if other[0] in expected else 'fed by nothing'}; "
            f"the graph takes {names_of(found)}, the front end feeds {names_of(expected)}",
        )
    for name, (onnx_type, shape) in expected.items():
        node = found[name]
        if node.type != onnx_type:
            raise BundleInvalid(path, f"input {name!r} takes {node.type}, expected {onnx_type}")
        if not fits(node.shape, shape):
            raise BundleInvalid(path, f"input {name!r} has shape {node.shape}, expected {shown(shape)}")


def fits(found: Sequence[object], expected: tuple[int | None, ...]) -> bool:
    """Tell whether each size is the expected one or free; None expects a free one."""
    return len(found) == len(expected) and all(
        not isinstance(size, int) or size == wanted for size, wanted in zip(found, expected, strict=True)
    )


def shown(shape: tuple[int | None, ...]) -> str:
    """Return a shape for an error; the free size is that of the rows."""
    sizes = ["rows" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def names_of(found: Iterable[str]) -> str:
    """Return names of inputs or outputs for an error."""
    return ", ".join(map(repr, found)) or "nothing"


def first_line(error: Exception) -> str:
    """Return what an error of ONNX Runtime says first."""
    return str(error).strip().split("\n", 1)[0][:300]
