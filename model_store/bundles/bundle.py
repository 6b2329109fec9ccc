"""Read, verify and write a bundle: a directory that holds one model and what it may promise."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from model_store.bundles.canonical import canonical_json
from model_store.bundles.durable import sync
from model_store.bundles.keptrows import Seen as Seen  # noqa: PLC0414 - a part of what is written and read here
from model_store.bundles.keptrows import Validation as Validation  # noqa: PLC0414
from model_store.bundles.keptrows import load_seen, load_validation, save_seen, save_validation
from model_store.bundles.manifest import DRAFT, FORMAT, MANIFEST, FrontEndSpec, Manifest, TfidfFile
from model_store.bundles.verify import describe, read_limited, require_plain, verify_files
from model_store.calibrating.calibration import Calibration
from model_store.data.rowmarks import Binning
from model_store.errors import BundleInvalid, ModelStoreError
from model_store.graphs.columns import ColumnInputs
from model_store.graphs.embedding import EmbeddingGraph, EmbeddingSpec
from model_store.graphs.inputs import TextInput
from model_store.graphs.outputs import LOGITS, OutputSpec
from model_store.graphs.text import TextFrontEnd
from model_store.policy import Policy
from model_store.reference import Reference

ModelKey: TypeAlias = str  # "name@version"

MODEL_FILE: Final = "model.onnx"
EMBEDDING_FILE: Final = "embedding.onnx"
FRONT_END_FILE: Final = "front_end.npz"
CALIBRATION_FILE: Final = "calibration.json"
POLICY_FILE: Final = "policy.json"
REFERENCE_FILE: Final = "reference.json"
VALIDATION_FILE: Final = "validation.npz"
SEEN_FILE: Final = "seen.npz"
CARD_FILE: Final = "card.md"
EVALUATION_FILE: Final = "evaluation.json"

AnyFrontEnd: TypeAlias = TextFrontEnd | TextInput | ColumnInputs

_ALWAYS: Final = (
    MODEL_FILE,
    CALIBRATION_FILE,
    POLICY_FILE,
    REFERENCE_FILE,
    VALIDATION_FILE,
    SEEN_FILE,
    CARD_FILE,
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle on disk and everything of it that is small."""

    path: Path
    manifest: Manifest
    calibration: Calibration
    policy: Policy
    reference: Reference

    @property
    def key(self) -> ModelKey:
        """``"name@version"``."""
        return f"{self.manifest.name}@{self.manifest.version}"

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of what decides besides the weights: ``calibration`` and ``policy``."""
        files = self.manifest.files
        return {"calibration": files[CALIBRATION_FILE].sha256, "policy": files[POLICY_FILE].sha256}


def read_bundle(path: Path) -> Bundle:
    """Return the bundle at `path`, verified but for the graph and its front end.

    Those two are constructed, and so verified, by `model_store.load_model`; their digests are
    checked here, before anything is made from any file.

    Raises
    ------
    BundleFormatNewer
        If a later release wrote it.
    BundleFileMissing, BundleCorrupt
        If a file is not there, or its size or digest is not the manifest's.
    BundleInvalid
        If a file is not listed, is a link or a directory, or says something impossible.
    """
    try:
        manifest = read_manifest(path)
        _check_list(manifest, path / MANIFEST)
        verify_files(path, manifest.files)
    except OSError as error:
        raise BundleInvalid(path, f"cannot be read ({error.strerror or error})") from error
    calibration = _parse(path / CALIBRATION_FILE, Calibration.from_json)
    policy = _parse(path / POLICY_FILE, Policy.from_json)
    reference = _parse(path / REFERENCE_FILE, Reference.from_json)
    bundle = Bundle(path, manifest, calibration, policy, reference)
    _check_against_classes(bundle)
    return bundle


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the bundle at `path`; no other file is looked at."""
    file = path / MANIFEST
    if not path.is_dir():
        raise BundleInvalid(path, "is not a directory; a bundle is one")
    require_plain(file)
    return Manifest.from_bytes(read_limited(file), path=file)


def read_front_end(bundle: Bundle) -> AnyFrontEnd:
    """Return what turns an item into the inputs of the graph."""
    front_end = bundle.manifest.front_end
    return TextFrontEnd.load(bundle.path / front_end.file) if isinstance(front_end, TfidfFile) else front_end


def read_embedding(bundle: Bundle) -> EmbeddingGraph | None:
    """Return the graph that makes vectors of items, as another version takes it; None if there is none."""
    spec = bundle.manifest.embedding
    return None if spec is None else EmbeddingGraph((bundle.path / EMBEDDING_FILE).read_bytes(), spec)


def read_validation(bundle: Bundle) -> Validation:
    """Return the validation rows of a verified bundle."""
    several = bundle.manifest.task == "multilabel"
    return load_validation(bundle.path / VALIDATION_FILE, len(bundle.manifest.classes), several=several)


def read_evaluation(bundle: Bundle) -> dict[str, Any] | None:
    """Return the figures and curves of a verified bundle, for reports; None if it has none."""
    if EVALUATION_FILE not in bundle.manifest.files:
        return None
    return _parse(bundle.path / EVALUATION_FILE, _object)


def read_seen(bundle: Bundle) -> Seen:
    """Return the signatures, and vectors if any, of what was labelled."""
    return load_seen(bundle.path / SEEN_FILE)


def read_binning(bundle: Bundle) -> Binning | None:
    """Return what makes marks of the rows of a table; None for texts, and where a bundle keeps no marks.

    Raises
    ------
    BundleInvalid
        If the cuts are not those of the columns.
    """
    cuts = read_seen(bundle).cuts
    if cuts is None:
        return None
    try:
        return Binning(bundle.manifest.columns, cuts)
    except ValueError as error:
        raise BundleInvalid(bundle.path / SEEN_FILE, str(error)) from error


def write_bundle(
    directory: Path,
    *,
    name: str,
    task: str,
    classes: tuple[str, ...],
    onnx: bytes,
    front_end: AnyFrontEnd,
    calibration: Calibration,
    policy: Policy,
    reference: Reference,
    validation: Validation,
    seen: Seen,
    card: str,
    training: Mapping[str, Any],
    sources: tuple[str, ...] = (),
    licence: str = "",
    created_at: float | None = None,
    output: OutputSpec = LOGITS,
    embedding: EmbeddingGraph | None = None,
    evaluation: Mapping[str, Any] | None = None,
) -> None:
    """Write every file of a bundle into `directory`, which is made if need be, and sync them to disk.

    The manifest comes last and says version ``"0"``: a store gives the number when it publishes.
    `created_at` is in seconds since the epoch, now by default. `evaluation` is any JSON object that reports
    read.

    Raises
    ------
    BundleInvalid
        If the manifest would not be readable, for instance for a name that is not allowed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MODEL_FILE).write_bytes(onnx)
    if embedding is not None:
        (directory / EMBEDDING_FILE).write_bytes(embedding.onnx)
    spec: FrontEndSpec
    if isinstance(front_end, TextFrontEnd):
        front_end.save(directory / FRONT_END_FILE)
        spec = TfidfFile(FRONT_END_FILE)
    else:
        spec = front_end
    for file, part in (
        (CALIBRATION_FILE, calibration),
        (POLICY_FILE, policy),
        (REFERENCE_FILE, reference),
    ):
        (directory / file).write_bytes(canonical_json(part.to_json()))
    save_validation(directory / VALIDATION_FILE, validation)
    save_seen(directory / SEEN_FILE, seen)
    (directory / CARD_FILE).write_text(card, encoding="utf-8")
    if evaluation is not None:
        (directory / EVALUATION_FILE).write_bytes(canonical_json(dict(evaluation)))
    vectors = None if embedding is None else embedding.spec
    files = (*_needed(spec, vectors), *([] if evaluation is None else [EVALUATION_FILE]))
    for file in files:
        sync(directory / file)
    moment = datetime.fromtimestamp(time.time() if created_at is None else created_at, tz=UTC)
    manifest = {
        "format": FORMAT,
        "name": name,
        "version": DRAFT,
        "task": task,
        "classes": list(classes),
        "input_kind": front_end.input_kind,
        "files": {file: asdict(describe(directory / file)) for file in files},
        "front_end": spec.to_json(),
        "output": output.to_json(),
        "sources": list(sources),
        "training": dict(training),
        "licence": licence,
        "created_at": moment.isoformat(timespec="seconds"),
        **({} if vectors is None else {"embedding": vectors.to_json()}),
    }
    write_manifest(directory, Manifest.from_json(manifest, path=directory / MANIFEST))


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest, and sync it and its directory to disk."""
    (directory / MANIFEST).write_bytes(manifest.to_bytes())
    sync(directory / MANIFEST)
    sync(directory)


def _parse(file: Path, construct: Callable[[dict[str, Any]], _T]) -> _T:
    try:
        return construct(json.loads(read_limited(file)))
    except (ModelStoreError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BundleInvalid(file, f"does not say what it must ({type(error).__name__}: {error})") from error


def _object(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise TypeError(f"a JSON {type(raw).__name__}, expected an object")
    return raw


def _needed(front_end: FrontEndSpec, embedding: EmbeddingSpec | None) -> tuple[str, ...]:
    tables = (front_end.file,) if isinstance(front_end, TfidfFile) else ()
    return (*_ALWAYS, *tables, *(() if embedding is None else (EMBEDDING_FILE,)))


def _check_list(manifest: Manifest, file: Path) -> None:
    if odd := sorted(
        (manifest.files.keys() - {EVALUATION_FILE}) ^ set(_needed(manifest.front_end, manifest.embedding))
    ):
        raise BundleInvalid(file, f"key 'files': {odd[0]!r} is missing or unknown")


def _check_against_classes(bundle: Bundle) -> None:
    classes, named = bundle.manifest.classes, bundle.policy.calibration_sha256
    if bundle.policy.classes != classes:
        raise BundleInvalid(bundle.path / POLICY_FILE, "names other classes than the manifest")
    if bundle.reference.classes != classes:
        raise BundleInvalid(bundle.path / REFERENCE_FILE, "names other classes than the manifest")
    if bundle.calibration.n_classes != len(classes):
        reason = f"is for {bundle.calibration.n_classes} classes, the manifest names {len(classes)}"
        raise BundleInvalid(bundle.path / CALIBRATION_FILE, reason)
    if named != bundle.digests["calibration"]:
        reason = f"was made for the calibration {named[:12]}, not for this one; fit the thresholds again"
        raise BundleInvalid(bundle.path / POLICY_FILE, reason)
    task, several = bundle.manifest.task, bundle.manifest.task == "multilabel"
    if (bundle.policy.task == "multilabel") != several:
        reason = f"is for a {bundle.policy.task} model, the manifest says {task}"
        raise BundleInvalid(bundle.path / POLICY_FILE, reason)
    if (bundle.calibration.link == "independent") != several:
        reason = f"has the link {bundle.calibration.link!r}, which a {task} model cannot have"
        raise BundleInvalid(bundle.path / CALIBRATION_FILE, reason)
    if bundle.reference.multilabel != several:
        reason = f"counts {'one label' if several else 'several labels'} an item, the manifest says {task}"
        raise BundleInvalid(bundle.path / REFERENCE_FILE, reason)
    read_validation(bundle)
    read_binning(bundle)
