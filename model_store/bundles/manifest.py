"""Say what a bundle is, and which release can read it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args

from model_store.bundles.canonical import canonical_json
from model_store.bundles.fields import Fields
from model_store.errors import BundleFormatNewer, BundleInvalid
from model_store.graphs.columns import Column, ColumnInputs
from model_store.graphs.embedding import EmbeddingSpec
from model_store.graphs.inputs import InputKind, TextInput
from model_store.graphs.outputs import LOGITS, OutputSpec
from model_store.graphs.outputs import Task as Task  # noqa: PLC0414 - part of what a manifest says

# How to change the format
# ------------------------
# A bundle outlives the release that wrote it: whatever was published once stays readable.
#
# Raise FORMAT when a release of the last format would read a new bundle wrongly or not at all: a key
# or a file added, removed or renamed, another meaning or unit of a value, another tokenisation or
# weighting behind the same front-end kind. Then, in one change:
#
# 1. Set FORMAT to n + 1 and write only that from now on.
# 2. Keep the reader of n: turn its JSON into the new one in a function `_from_format_n(raw, path)`,
#    listed in `_UPGRADES`, one step at a time (1 -> 2 -> 3), so that no reader knows more than its neighbour.
#    A default for what the old format did not say must give the old behaviour exactly.
# 3. Put a small bundle written by the last release under tests/model_store/fixtures/format_n/, and add
#    it to the test that loads each of them and compares its decisions with the recorded ones.
# 4. Say in the changelog what an older release does with the new bundle. It refuses it by
#    `BundleFormatNewer` before it reads anything else, and what is running keeps running.
#
# No change of format: another order of keys, another text in `training` or in card.md, another ONNX
# opset with the same inputs and outputs. Files are never added without raising FORMAT, because an
# unlisted or unknown file is a reason to refuse a bundle.
FORMAT: Final = 3

MANIFEST: Final = "manifest.json"
DRAFT: Final = "0"
RESERVED_CLASS: Final = "no_class_passes"
MAX_SOURCES: Final = 31  # with "other" at most 32 series

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
NAME_RULE: Final = "allowed are a-z, 0-9, _ and -, at most 63"
VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# One flat directory: without a separator no name can leave it.
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_-]{1,32}){0,3}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and hexadecimal SHA-256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TfidfFile:
    """The file of the tables that turn a text into numbers; `model_store.graphs.text` reads it."""

    file: str

    @property
    def input_kind(self) -> InputKind:
        """What an item is."""
        return "text"

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says under ``front_end``."""
        return {"kind": "tfidf", "file": self.file}

    @classmethod
    def from_fields(cls, fields: Fields) -> "TfidfFile":
        """Read what `to_json` wrote, apart from the kind."""
        return cls(fields.text("file"))


FrontEndSpec: TypeAlias = TfidfFile | TextInput | ColumnInputs
_FRONT_ENDS: Final[Mapping[str, Callable[[Fields], FrontEndSpec]]] = {
    "tfidf": TfidfFile.from_fields,
    "text": TextInput.from_fields,
    "columns": ColumnInputs.from_fields,
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle is; `files` lists every file but the manifest itself.

    `version` is ``"0"`` until a store publishes the bundle. `created_at` is ISO 8601 in UTC. Where no graph
    makes vectors of items `embedding` is None, and the key is not written.
    """

    format: int
    name: str
    version: str
    task: Task
    classes: tuple[str, ...]
    input_kind: InputKind
    files: Mapping[str, FileEntry]
    front_end: FrontEndSpec
    output: OutputSpec
    sources: tuple[str, ...]
    training: Mapping[str, Any]
    licence: str
    created_at: str
    embedding: EmbeddingSpec | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that an item has; none where an item is a text."""
        return self.front_end.columns if isinstance(self.front_end, ColumnInputs) else ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `from_json` reads."""
        embedding = {} if self.embedding is None else {"embedding": self.embedding.to_json()}
        return embedding | {
            "format": self.format,
            "name": self.name,
            "version": self.version,
            "task": self.task,
            "classes": list(self.classes),
            "input_kind": self.input_kind,
            "files": {name: {"size": f.size, "sha256": f.sha256} for name, f in self.files.items()},
            "front_end": self.front_end.to_json(),
            "output": self.output.to_json(),
            "sources": list(self.sources),
            "training": dict(self.training),
            "licence": self.licence,
            "created_at": self.created_at,
        }

    def to_bytes(self) -> bytes:
        """Return the content of ``manifest.json``."""
        return canonical_json(self.to_json())

    @classmethod
    def from_json(cls, raw: Any, *, path: Path) -> "Manifest":
        """Return the manifest that `raw` describes; `path` is what an error names.

        Raises
        ------
        BundleFormatNewer
            If a later release wrote it.
        BundleInvalid
            If a key is missing, unknown, or of another type or range; it names the key.
        """
        return _read(Fields(_upgraded(raw, path), path))

    @classmethod
    def from_bytes(cls, content: bytes, *, path: Path) -> "Manifest":
        """Return the manifest in `content`, with the errors of `from_json`."""
        try:
            raw = json.loads(content, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise BundleInvalid(path, f"is not JSON ({error}); import the bundle again") from error
        return cls.from_json(raw, path=path)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _from_format_1(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """Say in the words of format 2 what every bundle of format 1 was: TF-IDF in, logits out."""
    if raw.get("outputs") != ["logits", "probabilities"]:
        raise BundleInvalid(path, "key 'outputs': expected logits, probabilities; import the bundle again")
    if "output" in raw:
        raise BundleInvalid(path, "key 'output': unknown to format 1; import the bundle again")
    rest = {key: value for key, value in raw.items() if key != "outputs"}
    return {**rest, "format": 2, "output": LOGITS.to_json()}


def _from_format_2(raw: dict[str, Any], path: Path) -> dict[str, Any]:  # noqa: ARG001 - as every step
    """Say nothing new: only reference.json has a key more, and its reader knows that it may lack."""
    return {**raw, "format": 3}


_UPGRADES: Final[Mapping[int, Callable[[dict[str, Any], Path], dict[str, Any]]]] = {
    1: _from_format_1,
    2: _from_format_2,
}


def _upgraded(raw: Any, path: Path) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BundleInvalid(path, f"is a JSON {type(raw).__name__}, expected an object")
    upgraded: dict[str, Any] = raw
    found = upgraded.get("format")
    if type(found) is not int or found < 1:
        raise BundleInvalid(path, f"key 'format': {found!r}, expected an integer of at least 1")
    if found > FORMAT:
        raise BundleFormatNewer(path, found, FORMAT)
    for step in range(found, FORMAT):
        upgraded = _UPGRADES[step](upgraded, path)
    return upgraded


def _read(fields: Fields) -> Manifest:
    manifest = Manifest(
        format=fields.integer("format", low=1),
        name=fields.matching("name", NAME, allowed="a-z, 0-9, _ and -, at most 63, not starting with _ or -"),
        version=_version(fields),
        task=fields.one_of("task", get_args(Task)),
        classes=fields.labels("classes", low=1, high=10_000),
        input_kind=fields.one_of("input_kind", get_args(InputKind)),
        files=_files(fields),
        front_end=_front_end(fields),
        output=OutputSpec.from_fields(fields.nested("output", fields.mapping("output"))),
        sources=fields.labels("sources", low=0, high=MAX_SOURCES),
        training=fields.mapping("training"),
        licence=fields.text("licence"),
        created_at=_moment(fields),
        embedding=_embedding(fields),
    )
    fields.finish()
    _check_task(manifest, fields)
    _check_front_end(manifest, fields)
    return manifest


def _check_task(manifest: Manifest, fields: Fields) -> None:
    k, task = len(manifest.classes), manifest.task
    if task != "multilabel":
        if k < 2:
            raise fields.invalid("classes", f"{k} class of a {task} model, expected at least 2")
        if (k == 2) != (task == "binary"):
            raise fields.invalid("task", f"{task!r} with {k} classes")
    if RESERVED_CLASS in manifest.classes:
        raise fields.invalid("classes", f"{RESERVED_CLASS!r} is what no class passing is called; rename it")
    if problem := manifest.output.problem(task, k):
        raise fields.invalid("output.kind", problem)


def _check_front_end(manifest: Manifest, fields: Fields) -> None:
    front_end = manifest.front_end
    if manifest.input_kind != front_end.input_kind:
        raise fields.invalid(
            "input_kind", f"{manifest.input_kind!r}, the front end takes {front_end.input_kind}"
        )
    if isinstance(front_end, TfidfFile) and front_end.file not in manifest.files:
        raise fields.invalid("front_end", f"{front_end.file!r} is not among 'files'")


def _version(fields: Fields) -> str:
    version = fields.text("version")
    if version != DRAFT and not VERSION.fullmatch(version):
        raise fields.invalid("version", f"{version!r}, expected a decimal number")
    return version


def _files(fields: Fields) -> dict[str, FileEntry]:
    entries = {}
    for name, raw in fields.mapping("files").items():
        if not _FILE_NAME.fullmatch(name) or name == MANIFEST:
            raise fields.invalid("files", f"{name!r} is not a plain file name")
        entry = fields.nested(f"files.{name}", raw)
        size, digest = (
            entry.integer("size", low=0),
            entry.matching("sha256", _DIGEST, allowed="64 hex digits"),
        )
        entry.finish()
        entries[name] = FileEntry(size=size, sha256=digest)
    return entries


def _front_end(fields: Fields) -> FrontEndSpec:
    entry = fields.nested("front_end", fields.mapping("front_end"))
    front_end = _FRONT_ENDS[entry.one_of("kind", tuple(_FRONT_ENDS))](entry)
    entry.finish()
    return front_end


def _embedding(fields: Fields) -> EmbeddingSpec | None:
    raw = fields.optional("embedding")
    return None if raw is None else EmbeddingSpec.from_fields(fields.nested("embedding", raw))


def _moment(fields: Fields) -> str:
    text = fields.text("created_at")
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise fields.invalid("created_at", f"{text!r}, expected an ISO 8601 time with its zone")
    return text
