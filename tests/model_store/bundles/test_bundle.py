"""Tests of `model_store.bundles.bundle` and of the verification below it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.bundles import bundle as files
from model_store.bundles.bundle import (
    Bundle,
    Seen,
    Validation,
    read_binning,
    read_bundle,
    read_embedding,
    read_evaluation,
    read_seen,
    read_validation,
)
from model_store.bundles.manifest import FORMAT
from model_store.calibrating.calibration import Calibration, calibration_digest
from model_store.errors import (
    BundleCorrupt,
    BundleFileMissing,
    BundleFormatNewer,
    BundleInvalid,
)
from model_store.model import load_model
from model_store.reference import build_reference
from tests.support.bundles import (
    reseal,
    tiny_classes,
    tiny_columns,
    tiny_embedding,
    tiny_item,
    tiny_policy,
    write_tiny,
)

LISTED = (
    files.MODEL_FILE,
    files.FRONT_END_FILE,
    files.CALIBRATION_FILE,
    files.POLICY_FILE,
    files.REFERENCE_FILE,
    files.VALIDATION_FILE,
    files.SEEN_FILE,
    files.CARD_FILE,
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return a bundle that a test may spoil."""
    write_tiny(tmp_path / "bundle")
    return tmp_path / "bundle"


def _edit_json(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads(file.read_bytes())
    change(raw)
    file.write_text(json.dumps(raw))


def test_a_bundle_is_read_with_what_was_written(written: Path):
    """Manifest, calibration, policy and reference come back, and the key says version 0."""
    bundle = read_bundle(written)
    assert bundle.key == "tiny@0"
    assert bundle.manifest.classes == bundle.policy.classes == bundle.reference.classes == tiny_classes(3)
    assert bundle.manifest.created_at == "1970-01-01T00:00:00+00:00"
    assert sorted(bundle.manifest.files) == sorted(LISTED)


def test_the_digest_of_the_calibration_is_that_of_its_file(tiny_bundle: Bundle):
    """What the policy names, what the manifest lists and what the file says are one digest."""
    digest = tiny_bundle.digests["calibration"]
    assert digest == tiny_bundle.policy.calibration_sha256 == calibration_digest(tiny_bundle.calibration)


def test_reading_changes_nothing(written: Path):
    """A bundle can be on a read-only volume: nothing is written or made by reading it."""
    before = {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in written.iterdir()}
    load_model(written)
    assert before == {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in written.iterdir()}


def test_equal_parts_give_equal_bytes(tmp_path: Path):
    """Two bundles of the same parts are the same bytes, file for file."""
    for name in ("a", "b"):
        write_tiny(tmp_path / name)
    for file in (*LISTED, "manifest.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_validation_and_seen_come_back(tmp_path: Path):
    """Rows, signatures and vectors are read as they were written; no vectors stay none."""
    rng = np.random.default_rng(0)
    seen = Seen(rng.integers(0, 2**32, (5, 64), dtype=np.uint32), rng.normal(size=(5, 16)).astype(np.float32))
    write_tiny(tmp_path / "with", change=lambda parts: parts.update(seen=seen))
    write_tiny(tmp_path / "without")
    read = read_seen(read_bundle(tmp_path / "with"))
    np.testing.assert_array_equal(read.signatures, seen.signatures)
    np.testing.assert_array_equal(read.vectors, seen.vectors)
    without = read_bundle(tmp_path / "without")
    assert read_seen(without).vectors is None
    validation = read_validation(without)
    np.testing.assert_array_equal(validation.probabilities.argmax(axis=1), validation.labels)


def test_the_cuts_of_a_table_are_those_of_its_columns(tmp_path: Path):
    """They come back as what marks rows; of other columns they would mark everything wrongly."""
    columns, rows = tiny_columns().columns, [tiny_item("login", amount=float(n)) for n in range(50)]
    seen = Seen.of(np.zeros((0, 64), np.uint32), rows, columns=columns)
    write_tiny(tmp_path / "with", kind="features", change=lambda parts: parts.update(seen=seen))
    binning = read_binning(read_bundle(tmp_path / "with"))
    assert binning is not None
    np.testing.assert_array_equal(binning.marks(rows), seen.marks)
    write_tiny(tmp_path / "without", kind="features")
    assert read_binning(read_bundle(tmp_path / "without")) is None
    other = replace(seen, cuts=np.zeros((2, 11)))
    write_tiny(tmp_path / "other", kind="features", change=lambda parts: parts.update(seen=other))
    with pytest.raises(BundleInvalid, match=r"seen\.npz: cuts of shape \(2, 11\), expected \(1, 11\)"):
        read_bundle(tmp_path / "other")


def test_the_graph_of_vectors_comes_back(tmp_path: Path):
    """It is a file of the bundle like any other, listed with its digest; not declared it is one too many."""
    graph = tiny_embedding()
    write_tiny(tmp_path / "with", change=lambda parts: parts.update(embedding=graph))
    write_tiny(tmp_path / "without")
    assert read_embedding(read_bundle(tmp_path / "with")) == graph
    assert read_embedding(read_bundle(tmp_path / "without")) is None
    _edit_json(tmp_path / "with" / "manifest.json", lambda raw: raw.pop("embedding"))
    with pytest.raises(BundleInvalid, match=r"'files': 'embedding\.onnx' is missing or unknown"):
        read_bundle(tmp_path / "with")


def test_the_classifiers_own_answers_come_back_where_they_were_kept(tmp_path: Path):
    """A refit needs what was said before calibration; a bundle without it says so by None."""
    write_tiny(tmp_path / "with")
    write_tiny(tmp_path / "without", change=_without_raw)
    kept = read_validation(read_bundle(tmp_path / "with"))
    assert kept.log_probabilities is not None
    np.testing.assert_allclose(np.exp(kept.log_probabilities), kept.probabilities, atol=1e-6)
    assert read_validation(read_bundle(tmp_path / "without")).log_probabilities is None


def _without_raw(parts: dict[str, Any]) -> None:
    parts["validation"] = replace(parts["validation"], log_probabilities=None)


def test_labels_of_several_come_back_as_a_matrix(tmp_path: Path):
    """A multilabel bundle keeps for every row which labels hold."""
    write_tiny(tmp_path / "bundle", kind="multilabel")
    validation = read_validation(read_bundle(tmp_path / "bundle"))
    assert validation.labels.dtype == np.bool_
    np.testing.assert_array_equal(validation.labels, validation.probabilities > 0.5)


def test_a_bundle_of_columns_has_no_front_end_file(tmp_path: Path):
    """What a graph of columns takes is in the manifest, and a file of tables would be one too many."""
    write_tiny(tmp_path / "bundle", kind="features")
    assert sorted(read_bundle(tmp_path / "bundle").manifest.files) == sorted({*LISTED} - {"front_end.npz"})
    (tmp_path / "bundle" / files.FRONT_END_FILE).write_bytes(b"")
    reseal_with(tmp_path / "bundle", files.FRONT_END_FILE)
    with pytest.raises(BundleInvalid, match=r"key 'files': 'front_end\.npz' is missing or unknown"):
        read_bundle(tmp_path / "bundle")


def reseal_with(directory: Path, name: str) -> None:
    """List one more file in the manifest."""
    _edit_json(
        directory / "manifest.json", lambda raw: raw["files"].update({name: {"size": 0, "sha256": "0" * 64}})
    )


def test_an_evaluation_is_kept_if_there_is_one(tmp_path: Path):
    """Reports read any JSON object of figures; a bundle without one is whole."""
    figures = {"macro_f1": 0.5, "curves": [[0.0, 1.0]]}
    write_tiny(tmp_path / "with", change=lambda parts: parts.update(evaluation=figures))
    write_tiny(tmp_path / "without")
    bundle = read_bundle(tmp_path / "with")
    assert read_evaluation(bundle) == figures
    assert files.EVALUATION_FILE in bundle.manifest.files
    assert read_evaluation(read_bundle(tmp_path / "without")) is None
    (tmp_path / "with" / files.EVALUATION_FILE).write_bytes(b"[1]")
    with pytest.raises(BundleCorrupt, match=files.EVALUATION_FILE):
        read_bundle(tmp_path / "with")
    reseal(tmp_path / "with")
    with pytest.raises(BundleInvalid, match=r"evaluation\.json: does not say what it must"):
        read_evaluation(read_bundle(tmp_path / "with"))


@pytest.mark.parametrize("name", LISTED)
def test_a_changed_file_is_refused_by_name(written: Path, name: str):
    """One changed byte is found, and the error names the file and what to do."""
    content = bytearray((written / name).read_bytes())
    content[len(content) // 2] ^= 1
    (written / name).write_bytes(content)
    with pytest.raises(BundleCorrupt, match=f"{name}: sha256 .* is not the manifest's .*import") as caught:
        read_bundle(written)
    assert caught.value.path == written / name


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_of_a_listed_file_goes_unnoticed(
    tiny_bundle_path: Path, tmp_path: Path, data: st.DataObject
):
    """Whatever byte is flipped, cut or added in whatever file, the bundle is refused."""
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle_path, copy, dirs_exist_ok=True)
    name = data.draw(st.sampled_from(LISTED))
    content = (copy / name).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    changed = data.draw(st.sampled_from([flipped, content[:at], content + b"\0"]))
    (copy / name).write_bytes(changed)
    with pytest.raises(BundleCorrupt, match=name):
        read_bundle(copy)


@pytest.mark.parametrize("name", LISTED)
def test_a_truncated_file_is_refused_with_both_sizes(written: Path, name: str):
    """A half-written file is refused by its size, before it is hashed."""
    content = (written / name).read_bytes()
    (written / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleCorrupt, match=f"{name}: {len(content) // 2} bytes .* {len(content)} bytes"):
        read_bundle(written)


@pytest.mark.parametrize("name", [*LISTED, "manifest.json"])
def test_a_missing_file_is_refused_by_name(written: Path, name: str):
    """A bundle whose copy was interrupted names the first file that is not there."""
    (written / name).unlink()
    with pytest.raises(BundleFileMissing, match=name):
        read_bundle(written)


@pytest.mark.parametrize("name", ["model.pkl", "model.onnx.data", ".hidden", "manifest.json~"])
def test_an_extra_file_is_refused(written: Path, name: str):
    """A file the manifest does not list is not part of what was verified, so it may not be there."""
    (written / name).write_bytes(b"x")
    with pytest.raises(BundleInvalid, match=f"{name}: is not listed"):
        read_bundle(written)


def test_an_extra_directory_is_refused(written: Path):
    """A directory cannot hide files from the manifest."""
    (written / "weights").mkdir()
    with pytest.raises(BundleInvalid, match="weights: is not listed"):
        read_bundle(written)


@pytest.mark.parametrize("name", [*LISTED, "manifest.json"])
def test_a_link_is_refused(written: Path, tmp_path: Path, name: str):
    """A link is not followed, even to a file of the right content."""
    (written / name).rename(tmp_path / "elsewhere")
    (written / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleInvalid, match=f"{name}: is not a plain file"):
        read_bundle(written)


def test_a_list_without_a_needed_file_is_refused(written: Path):
    """Leaving a file out of the manifest, and out of the directory, does not make a smaller bundle."""
    (written / files.POLICY_FILE).unlink()
    _edit_json(written / "manifest.json", lambda raw: raw["files"].pop(files.POLICY_FILE))
    with pytest.raises(BundleInvalid, match=r"manifest.json: key 'files': 'policy.json' is missing"):
        read_bundle(written)


def test_a_newer_format_is_refused(written: Path):
    """A bundle of a later release is refused before its files are looked at."""
    (written / files.MODEL_FILE).unlink()
    _edit_json(written / "manifest.json", lambda raw: raw.update(format=FORMAT + 1))
    with pytest.raises(BundleFormatNewer, match="upgrade"):
        read_bundle(written)


@pytest.mark.parametrize("path", ["absent", "file"])
def test_what_is_no_directory_is_refused(tmp_path: Path, path: str):
    """A path that is not a directory is named, not traced back."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BundleInvalid, match=f"{path}: is not a directory"):
        read_bundle(tmp_path / path)


def _other_k(parts: dict[str, Any]) -> None:
    parts["calibration"] = Calibration("identity", np.ones(4), np.zeros(4), "softmax", {})
    parts["policy"] = tiny_policy(tiny_classes(3), parts["calibration"])


def _other_calibration(parts: dict[str, Any]) -> None:
    parts["calibration"] = Calibration("temperature", np.full(3, 2.0), np.zeros(3), "softmax", {})


def _other_policy(parts: dict[str, Any]) -> None:
    parts["policy"] = tiny_policy(("login", "delivery", "billing"), parts["calibration"])


def _other_order(parts: dict[str, Any]) -> None:
    parts["classes"] = ("login", "delivery", "billing")
    parts["policy"] = tiny_policy(parts["classes"], parts["calibration"])


def _narrow_rows(parts: dict[str, Any]) -> None:
    parts["validation"] = Validation(np.ones((2, 2), np.float32), np.zeros(2, np.int32))


def _uneven_rows(parts: dict[str, Any]) -> None:
    parts["validation"] = Validation(np.ones((2, 3), np.float32), np.zeros(3, np.int32))


def _strange_label(parts: dict[str, Any]) -> None:
    parts["validation"] = Validation(np.ones((2, 3), np.float32), np.array([0, 3], np.int32))


def _policy_of_one(parts: dict[str, Any]) -> None:
    parts["policy"] = replace(parts["policy"], task="multiclass")


def _reference_of_one(parts: dict[str, Any]) -> None:
    own = parts["validation"].labels.argmax(axis=1)
    decided = parts["policy"].decide(parts["validation"].probabilities)
    parts["reference"] = build_reference(decided, own, parts["classes"])


def _one_label_a_row(parts: dict[str, Any]) -> None:
    parts["validation"] = Validation(np.ones((2, 3), np.float32), np.zeros(2, np.int32))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_policy_of_one, "policy.json: is for a multiclass model, the manifest says multilabel"),
        (_reference_of_one, "reference.json: counts one label an item, the manifest says multilabel"),
        (_one_label_a_row, "validation.npz: array 'labels' is int32"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_parts_of_another_task_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], named: str
):
    """A multilabel bundle is multilabel in all its parts."""
    write_tiny(tmp_path / "bundle", kind="multilabel", change=change)
    with pytest.raises(BundleInvalid, match=named):
        read_bundle(tmp_path / "bundle")


def _wide_rows(parts: dict[str, Any]) -> None:
    parts["validation"] = Validation(np.ones((2, 3)), np.zeros(2, np.int32))  # type: ignore[arg-type]


def _narrow_raw(parts: dict[str, Any]) -> None:
    parts["validation"] = replace(parts["validation"], log_probabilities=np.zeros((12, 2), np.float32))


def _policy_of_labels(parts: dict[str, Any]) -> None:
    parts["policy"] = replace(parts["policy"], task="multilabel", ambiguous_ratio=None)


def _calibration_of_labels(parts: dict[str, Any]) -> None:
    parts["calibration"] = Calibration("identity", np.ones(3), np.zeros(3), "independent", {})
    parts["policy"] = tiny_policy(tiny_classes(3), parts["calibration"])


def _matrix(parts: dict[str, Any]) -> None:
    parts["validation"] = Validation(np.ones((2, 3), np.float32), np.ones((2, 3), np.bool_))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_other_k, "calibration.json: is for 4 classes"),
        (_other_calibration, "policy.json: was made for the calibration"),
        (_other_policy, "policy.json: names other classes"),
        (_other_order, "reference.json: names other classes"),
        (_narrow_rows, r"validation.npz: probabilities have shape \(2, 2\), expected \(2, 3\)"),
        (_uneven_rows, "validation.npz: probabilities have shape"),
        (_strange_label, "validation.npz: a label is outside -1 to 2"),
        (_wide_rows, "validation.npz: array 'probabilities' is float64"),
        (_narrow_raw, r"validation.npz: log_probabilities have shape \(12, 2\), expected \(12, 3\)"),
        (_matrix, "validation.npz: array 'labels' is bool"),
        (_policy_of_labels, "policy.json: is for a multilabel model, the manifest says multiclass"),
        (_calibration_of_labels, "calibration.json: has the link 'independent'"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_parts_that_do_not_fit_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], named: str
):
    """Parts that are whole but do not belong together are refused, naming the file and both sides."""
    write_tiny(tmp_path / "bundle", change=change)
    with pytest.raises(BundleInvalid, match=named):
        read_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("name", [files.CALIBRATION_FILE, files.POLICY_FILE, files.REFERENCE_FILE])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"[" * 99_999, b'{"x": NaN}'], ids=repr)
def test_a_part_that_says_nothing_is_refused(written: Path, name: str, content: bytes):
    """JSON of another shape is refused with the file's name, whatever the exception below it was."""
    (written / name).write_bytes(content)
    reseal(written)
    with pytest.raises(BundleInvalid, match=name):
        read_bundle(written)


def _pickled(file: Path) -> None:
    np.savez(file, probabilities=np.array([object()]), labels=np.zeros(1, np.int32))


def _compressed(file: Path) -> None:
    np.savez_compressed(file, probabilities=np.zeros((1, 3), np.float32), labels=np.zeros(1, np.int32))


def _unnamed(file: Path) -> None:
    np.savez(file, np.zeros((1, 3), np.float32))


def _no_archive(file: Path) -> None:
    file.write_bytes(b"PK\x03\x04 no archive")


@pytest.mark.parametrize(
    "write", [_pickled, _compressed, _unnamed, _no_archive], ids=lambda write: write.__name__
)
def test_arrays_are_plain_or_refused(written: Path, write: Callable[[Path], None]):
    """An npz with Python objects, _compressed, with other arrays, or that is none, is refused by name."""
    write(written / files.VALIDATION_FILE)
    reseal(written)
    with pytest.raises(BundleInvalid, match=files.VALIDATION_FILE):
        read_bundle(written)


def test_a_name_that_is_not_allowed_is_refused_while_writing(tmp_path: Path):
    """What could not be read back is not written as a whole: there is no manifest."""
    with pytest.raises(BundleInvalid, match="'name'"):
        write_tiny(tmp_path / "bundle", name="No Such Name")
    with pytest.raises(BundleFileMissing, match=r"manifest\.json"):
        read_bundle(tmp_path / "bundle")


FORMATS = Path(__file__).parents[1] / "fixtures"


@pytest.mark.parametrize("fixture", sorted(FORMATS.iterdir()), ids=lambda path: path.name)
def test_a_bundle_of_every_past_format_still_decides_the_same(fixture: Path):
    """A bundle written by each release that changed the format gives its recorded answers."""
    recorded = json.loads((fixture / "decisions.json").read_bytes())
    decisions = load_model(fixture / "bundle").decide(recorded.get("items", recorded.get("texts")))
    assert decisions.label.tolist() == recorded["labels"]
    assert decisions.decision.tolist() == recorded["decisions"]
    assert decisions.flags.tolist() == recorded.get("flags", decisions.flags.tolist())
    np.testing.assert_allclose(decisions.probabilities, recorded["probabilities"], atol=1e-5)
