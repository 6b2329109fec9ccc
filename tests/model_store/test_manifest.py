"""Tests of `model_store.manifest`."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import BundleFormatNewer, BundleInvalid
from model_store.manifest import FORMAT, FileEntry, Manifest, TfidfFile
from model_store.outputs import OutputSpec

PATH = Path("bundles/manifest.json")


def _valid() -> dict[str, Any]:
    return {
        "format": 2,
        "name": "intents",
        "version": "3",
        "task": "multiclass",
        "classes": ["billing", "login", "übrige"],
        "input_kind": "text",
        "files": {
            "model.onnx": {"size": 5, "sha256": "a" * 64},
            "words.npz": {"size": 0, "sha256": "b" * 64},
        },
        "front_end": {"kind": "tfidf", "file": "words.npz"},
        "output": {"name": "logits", "kind": "logits"},
        "sources": ["email"],
        "training": {"rows": 12, "nested": {"share": 0.5}},
        "licence": "CC-BY-3.0",
        "created_at": "2026-01-31T10:00:00+00:00",
    }


def _changed(**keys: Any) -> dict[str, Any]:
    return {**_valid(), **keys}


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True)
labels = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20).filter(
    lambda label: label != "no_class_passes"
)
manifests = st.builds(
    Manifest,
    format=st.just(FORMAT),
    name=names,
    version=st.integers(0, 10**9 - 1).map(str),
    task=st.just("multiclass"),
    classes=st.lists(labels, min_size=3, max_size=6, unique=True).map(tuple),
    input_kind=st.just("text"),
    files=st.builds(
        lambda size, digest: {"front_end.npz": FileEntry(size, digest)},
        st.integers(0, 2**40),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    ),
    front_end=st.just(TfidfFile("front_end.npz")),
    output=st.just(OutputSpec("logits", "logits")),
    sources=st.lists(labels, max_size=4, unique=True).map(tuple),
    training=st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=5)), max_size=3),
    licence=st.text(max_size=20),
    created_at=st.just("2026-01-31T10:00:00+00:00"),
)


@given(manifests)
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read(manifest: Manifest):
    """Every manifest comes back equal from its own bytes, and writes the same bytes again."""
    read = Manifest.from_bytes(manifest.to_bytes(), path=PATH)
    assert read == manifest
    assert read.to_bytes() == manifest.to_bytes()


def test_a_valid_manifest_is_read():
    """The sample that the tests below spoil is itself accepted."""
    assert Manifest.from_json(_valid(), path=PATH).classes == ("billing", "login", "übrige")


@pytest.mark.parametrize("key", sorted(_valid()))
def test_no_key_may_be_missing(key: str):
    """A manifest without one of its keys is refused by the name of that key."""
    raw = _valid()
    del raw[key]
    with pytest.raises(BundleInvalid, match=f"'{key}'"):
        Manifest.from_json(raw, path=PATH)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (key, value)
        for key in sorted(_valid())
        for value in (None, 1.5, True, [[]], {"": 0})
        if not (key == "training" and isinstance(value, dict))  # any object is a training fact
    ],
    ids=repr,
)
def test_no_key_takes_another_type(key: str, value: Any):
    """A value of a wrong type is refused by the name of its key."""
    with pytest.raises(BundleInvalid, match=f"'{key}"):
        Manifest.from_json(_changed(**{key: value}), path=PATH)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 0),
        ("format", -1),
        ("name", "Intents"),
        ("name", "../intents"),
        ("name", "-x"),
        ("name", "x" * 64),
        ("name", "x\n"),
        ("version", "01"),
        ("version", "-1"),
        ("version", "1.0"),
        ("version", "٣"),
        ("task", "regression"),
        ("task", "binary"),
        ("classes", ["one"]),
        ("classes", ["same", "same", "other"]),
        ("classes", ["a", "b", ""]),
        ("classes", ["a", "b", "c\nd"]),
        ("classes", ["a", "b", "no_class_passes"]),
        ("input_kind", "features"),
        ("output", {"name": "logits", "kind": "scores"}),
        ("output", {"name": "logits", "kind": "positive_logit"}),
        ("output", {"name": "logits", "kind": "label_pairs"}),
        ("output", {"name": "", "kind": "logits"}),
        ("output", {"name": "logits", "kind": "logits", "axis": 1}),
        ("sources", [f"s{i}" for i in range(32)]),
        ("created_at", "2026-01-31T10:00:00"),
        ("created_at", "yesterday"),
        ("front_end", {"kind": "tfidf", "file": "other.npz"}),
        ("front_end", {"kind": "pickle", "file": "words.npz"}),
        ("front_end", {"kind": "tfidf", "file": "words.npz", "url": "x"}),
    ],
    ids=lambda value: str(value)[-24:],
)
def test_a_value_out_of_range_is_refused(key: str, value: Any):
    """A value that is not allowed is refused by the name of its key and the file."""
    with pytest.raises(BundleInvalid, match=f"manifest.json: key '{key}"):
        Manifest.from_json(_changed(**{key: value}), path=PATH)


@pytest.mark.parametrize(
    "name",
    [
        "../model.onnx",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "..",
        ".",
        "",
        ".hidden",
        "a..b",
        "a\0b",
        "manifest.json",
        "é",
    ],
)
def test_a_file_name_cannot_leave_the_bundle(name: str):
    """Only plain names of files beside the manifest may be listed."""
    files = {**_valid()["files"], name: {"size": 1, "sha256": "c" * 64}}
    with pytest.raises(BundleInvalid, match="plain file name"):
        Manifest.from_json(_changed(files=files), path=PATH)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"size": -1, "sha256": "a" * 64},
        {"size": 1, "sha256": "A" * 64},
        {"size": 1, "sha256": "a" * 64, "x": 1},
    ],
    ids=["empty", "negative", "upper case", "unknown key"],
)
def test_a_file_entry_is_checked_too(entry: dict[str, Any]):
    """A nested key is named with its whole path."""
    with pytest.raises(BundleInvalid, match=r"files\.model\.onnx\."):
        Manifest.from_json(_changed(files={**_valid()["files"], "model.onnx": entry}), path=PATH)


def test_an_unknown_key_is_refused():
    """A key this format does not have is refused, so that a typing error is not ignored."""
    with pytest.raises(BundleInvalid, match="'license': unknown"):
        Manifest.from_json(_changed(license="MIT"), path=PATH)


def test_a_newer_format_is_refused_before_anything_else_is_read():
    """A later release's manifest says which format it has and what to do, whatever else it holds."""
    with pytest.raises(
        BundleFormatNewer, match=f"format {FORMAT + 1} is newer than {FORMAT}.*upgrade"
    ) as caught:
        Manifest.from_json({"format": FORMAT + 1, "shape": "unknown"}, path=PATH)
    assert (caught.value.found, caught.value.supported) == (FORMAT + 1, FORMAT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(_changed(training={"x": float("nan")})).encode(),
        json.dumps(_changed(training={"x": float("inf")})).encode(),
    ],
    ids=["empty", "half", "not UTF-8", "deep", "nan", "infinity"],
)
def test_what_is_not_json_is_refused(content: bytes):
    """Bytes that are not JSON are refused with the file's name."""
    with pytest.raises(BundleInvalid, match=r"manifest\.json: is not JSON"):
        Manifest.from_bytes(content, path=PATH)


@pytest.mark.parametrize("raw", [None, [], "x", 3], ids=repr)
def test_json_that_is_no_object_is_refused(raw: Any):
    """A manifest is a JSON object and nothing else."""
    with pytest.raises(BundleInvalid, match="expected an object"):
        Manifest.from_json(raw, path=PATH)
