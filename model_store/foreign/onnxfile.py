"""ONNX file: is what lies there a whole model, and of operators that can be served?"""

from pathlib import Path
from typing import Final

import onnx
from onnx import checker, helper

from model_store.errors import ImportRefused
from model_store.foreign import surgery
from model_store.foreign.surgery import Model

DOCS: Final = "docs/importing.md"
AGAIN: Final = f"export or copy it again, see {DOCS}"
_MAX_BYTES: Final = 2_000_000_000  # what protobuf can hold in one message
_OPSET: Final = 13  # for the nodes added here to a model that has none of the default domain
_OLDEST_OPSET: Final = 6  # since then `Cast` and `Reshape` take what is given to them here


class GraphRefused(ImportRefused):
    """A file is not an ONNX model, or not one that can be served; `reason` ends in what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def load(path: Path) -> tuple[bytes, Model]:
    """Return the content of a file and the model it holds, with weights from files beside it.

    Raises
    ------
    GraphRefused
        If it cannot be read, is no ONNX model, is damaged or cut short, or is too old.
    """
    content = _bytes(path)
    model = _parsed(path, content)
    _settle_opsets(path, model)
    return content, model


def first_line(error: Exception) -> str:
    """Return the beginning of what a library says, in one line."""
    return str(error).strip().split("\n", 1)[0][:200]


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise GraphRefused(path, "no such file; check the path") from error
    except IsADirectoryError as error:
        raise GraphRefused(path, "is a directory; expected an ONNX file") from error
    except OSError as error:
        raise GraphRefused(path, f"cannot be read ({error.strerror}); check its permissions") from error
    if len(content) > _MAX_BYTES:
        raise GraphRefused(path, f"has {len(content):,} bytes; at most {_MAX_BYTES:,} can be served")
    return content


def _parsed(path: Path, content: bytes) -> Model:
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # the errors of protobuf and onnx share no base but Exception
        raise GraphRefused(path, f"is not an ONNX model, or is cut short; {AGAIN}") from error
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # a missing file is an error of the checker, a short one a ValueError
        reason = f"keeps weights in another file, which cannot be read ({first_line(error)})"
        raise GraphRefused(path, f"{reason}; copy that file beside it") from error
    if not model.graph.node:
        raise GraphRefused(path, f"is not an ONNX model, or is cut short: it has no operators; {AGAIN}")
    try:
        checker.check_model(model)
    except Exception as error:  # the errors of the checker share no base but Exception
        raise GraphRefused(path, f"is not a valid ONNX model ({first_line(error)}); {AGAIN}") from error
    return model


def _settle_opsets(path: Path, model: Model) -> None:
    """Name each operator set once, as the format wants it and some exporters do not."""
    versions: dict[str, int] = {}
    for each in model.opset_import:
        domain = "" if each.domain == "ai.onnx" else each.domain
        versions[domain] = max(each.version, versions.get(domain, 0))
    if versions.setdefault("", _OPSET) < _OLDEST_OPSET:
        raise GraphRefused(
            path,
            f"is of operator set {versions['']}; export it for at least {_OLDEST_OPSET}",
        )
    surgery.replace(model.opset_import, [helper.make_opsetid(each, n) for each, n in versions.items()])
