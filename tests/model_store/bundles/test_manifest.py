"""Tests of `model_store.bundles.manifest`."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.bundles.manifest import FORMAT, FileEntry, Manifest, TfidfFile
from model_store.errors import BundleFormatNewer, BundleInvalid
from model_store.graphs.embedding import EmbeddingSpec
from model_store.graphs.outputs import CLIP, OutputSpec

PATH = Path("bundles/manifest.json")


def _valid() -> dict[str, Any]:
    return {
        "format": FORMAT,
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
    output=st.builds(
        OutputSpec, labels, st.sampled_from(["logits", "probabilities"]), st.just(CLIP) | st.just(0.005)
    ).map(lambda spec: OutputSpec(spec.name, spec.kind) if spec.gives_logits else spec),
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
        ("output", {"name": "logits", "kind": "logits", "clip": 0.01}),
        ("output", {"name": "p", "kind": "probabilities"}),
        ("output", {"name": "p", "kind": "probabilities", "clip": 0}),
        ("output", {"name": "p", "kind": "probabilities", "clip": 0.2}),
        ("output", {"name": "p", "kind": "probabilities", "clip": "0.01"}),
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


def _columns(**keys: Any) -> dict[str, Any]:
    """Return a manifest whose graph takes a matrix of two numbers and a text; `keys` change its front end."""
    front_end = {
        "kind": "columns",
        "columns": [
            {"name": "age", "kind": "float", "missing": True},
            {"name": "visits", "kind": "integer", "missing": False},
            {"name": "plan", "kind": "text", "missing": False, "typical": "basic"},
        ],
        "inputs": [
            {"input": "numbers", "columns": ["visits", "age"], "type": "tensor(float)"},
            {"input": "plan", "columns": ["plan"], "type": "tensor(string)"},
        ],
        **keys,
    }
    return _changed(input_kind="features", front_end=front_end)


def _column(**keys: Any) -> list[dict[str, Any]]:
    columns = _columns()["front_end"]["columns"]
    return [{**columns[0], **keys}, *columns[1:]]


def _input(**keys: Any) -> list[dict[str, Any]]:
    inputs = _columns()["front_end"]["inputs"]
    return [{**inputs[0], **keys}, *inputs[1:]]


def test_the_columns_of_a_graph_are_read():
    """Columns come back in order with their kinds, and the same bytes are written again."""
    manifest = Manifest.from_json(_columns(), path=PATH)
    assert [(c.name, c.kind, c.missing, c.typical) for c in manifest.columns] == [
        ("age", "float", True, None),
        ("visits", "integer", False, None),
        ("plan", "text", False, "basic"),
    ]
    assert manifest.to_json() == _columns()
    assert Manifest.from_json(_valid(), path=PATH).columns == ()


@pytest.mark.parametrize("rank", [1, 2])
def test_a_graph_may_take_the_text_itself(rank: int):
    """The front end is then the name of an input and its rank, and no file."""
    raw = _changed(front_end={"kind": "text", "input": "text", "rank": rank})
    manifest = Manifest.from_json(raw, path=PATH)
    assert manifest.front_end.to_json() == raw["front_end"]
    assert manifest.input_kind == "text"


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"columns": []}, "front_end.columns': expected a list of 1 to"),
        ({"columns": ["age"]}, "front_end.columns.0': str"),
        ({"columns": _column(name="visits")}, "front_end.columns': holds the same name twice"),
        ({"columns": _column(name="")}, "front_end.columns.0.name"),
        ({"columns": _column(name="a\nb")}, "front_end.columns.0.name"),
        ({"columns": _column(kind="date")}, "front_end.columns.0.kind': 'date', allowed: float"),
        ({"columns": _column(kind="text")}, "inputs': 'numbers' takes column 'age' of kind text"),
        ({"columns": _column(missing=1)}, "front_end.columns.0.missing': int"),
        ({"columns": _column(unit="years")}, "front_end.columns.0.unit': unknown"),
        ({"columns": _column(typical="forty")}, "front_end.columns.0.typical': a string, expected a number"),
        ({"columns": _column(typical=True)}, "front_end.columns.0.typical"),
        ({"columns": [*_column(), _column(name="more")[0]]}, "columns': 'more' goes into 0 inputs"),
        ({"inputs": []}, "front_end.inputs': expected a list"),
        ({"inputs": _input()[1:]}, "columns': 'age' goes into 0 inputs"),
        ({"inputs": [*_input(), *_input()[1:]]}, "inputs': holds the same input twice"),
        ({"inputs": _input(input=3)}, "front_end.inputs.0.input': int"),
        ({"inputs": _input(columns=["age", "visits", "size"])}, "'size', which is not among 'columns'"),
        ({"inputs": _input(columns=["age", "age"])}, "front_end.inputs.0.columns': holds the same name"),
        ({"inputs": _input(columns=[])}, "front_end.inputs.0.columns"),
        ({"inputs": _input(type="tensor(float16)")}, "front_end.inputs.0.type': 'tensor"),
        ({"inputs": _input(type="tensor(int64)")}, "inputs': 'numbers' takes column 'age' of kind float"),
        ({"inputs": _input(axis=1)}, "front_end.inputs.0.axis': unknown"),
        ({"file": "words.npz"}, "front_end.file': unknown"),
        ({"kind": "text", "input": "text", "rank": 2}, "front_end.columns': unknown"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:40],
)
def test_a_front_end_of_columns_is_checked_key_by_key(keys: dict[str, Any], named: str):
    """Whatever is wrong about a column or an input, the error names the key below `front_end`."""
    with pytest.raises(BundleInvalid) as caught:
        Manifest.from_json(_columns(**keys), path=PATH)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "front_end",
    [
        {"kind": "text", "input": "text", "rank": 3},
        {"kind": "text", "input": "", "rank": 1},
        {"kind": "text", "input": "text"},
        {"kind": "text", "input": "text", "rank": 2, "file": "words.npz"},
    ],
    ids=str,
)
def test_a_front_end_of_a_text_is_checked_key_by_key(front_end: dict[str, Any]):
    """A string tensor has one axis or two, and a name."""
    with pytest.raises(BundleInvalid, match=r"manifest\.json: key 'front_end\."):
        Manifest.from_json(_changed(front_end=front_end), path=PATH)


def test_the_kind_of_an_item_is_that_of_the_front_end():
    """Columns do not make a text, nor a text columns."""
    with pytest.raises(BundleInvalid, match="'input_kind': 'text', the front end takes features"):
        Manifest.from_json({**_columns(), "input_kind": "text"}, path=PATH)


@pytest.mark.parametrize("classes", [["fraud"], ["fraud", "spam"], ["a", "b", "c"]], ids=len)
def test_several_labels_may_be_any_number(classes: list[str]):
    """A multilabel model may have a single label; one class among others needs two."""
    raw = _changed(task="multilabel", classes=classes)
    assert Manifest.from_json(raw, path=PATH).classes == tuple(classes)
    if len(classes) < 2:
        with pytest.raises(BundleInvalid, match="'classes': 1 class of a multiclass model"):
            Manifest.from_json({**raw, "task": "multiclass"}, path=PATH)


def test_an_embedding_is_said_only_where_there_is_one():
    """A manifest without one has the bytes it always had; one with it comes back."""
    plain = Manifest.from_json(_valid(), path=PATH)
    assert plain.embedding is None
    assert "embedding" not in plain.to_json()
    declared = Manifest.from_json(_changed(embedding={"name": "pooled", "dimensions": 384}), path=PATH)
    assert declared.embedding == EmbeddingSpec("pooled", 384)
    assert Manifest.from_bytes(declared.to_bytes(), path=PATH) == declared


@pytest.mark.parametrize(
    ("embedding", "said"),
    [
        ("pooled", "'embedding': str, expected an object"),
        ({"name": "pooled"}, r"'embedding\.dimensions': missing"),
        ({"name": "pooled", "dimensions": 0}, r"'embedding\.dimensions': 0, expected an integer"),
        ({"name": "pooled", "dimensions": 1 << 20}, r"'embedding\.dimensions': 1048576, allowed: 1 to 16384"),
        ({"name": "", "dimensions": 3}, r"'embedding\.name': ''"),
        ({"name": "pooled", "dimensions": 3, "kind": "x"}, r"'embedding\.kind': unknown"),
    ],
    ids=["a name", "no length", "no dimension", "too many", "no name", "unknown key"],
)
def test_an_embedding_that_says_something_else_is_refused(embedding: Any, said: str):
    """The error names the key and what is allowed."""
    with pytest.raises(BundleInvalid, match=said):
        Manifest.from_json(_changed(embedding=embedding), path=PATH)


def _format_1(**keys: Any) -> dict[str, Any]:
    raw = {key: value for key, value in _valid().items() if key != "output"}
    return {**raw, "format": 1, "outputs": ["logits", "probabilities"], **keys}


def test_a_manifest_of_format_1_says_the_same_in_the_words_of_2():
    """What the first format did not say was always so: logits, read from the output of that name."""
    assert Manifest.from_json(_format_1(), path=PATH) == Manifest.from_json(_valid(), path=PATH)


@pytest.mark.parametrize("outputs", [None, [], ["probabilities"], "logits", 3], ids=repr)
def test_a_manifest_of_format_1_is_checked_by_its_own_rules(outputs: Any):
    """An error in an old manifest names the old key."""
    with pytest.raises(BundleInvalid, match=r"manifest\.json: key 'outputs'"):
        Manifest.from_json(_format_1(outputs=outputs), path=PATH)


def test_a_manifest_of_format_2_says_what_one_of_today_says():
    """Only another file of the bundle has a key more since."""
    assert Manifest.from_json(_valid() | {"format": 2}, path=PATH) == Manifest.from_json(_valid(), path=PATH)


def test_a_manifest_of_format_1_has_no_key_of_format_2():
    """A manifest that mixes both formats was written by neither release."""
    with pytest.raises(BundleInvalid, match="'output'"):
        Manifest.from_json(_format_1(output={"name": "p", "kind": "logits"}), path=PATH)


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
