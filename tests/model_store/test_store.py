"""Tests of `model_store.store` and of the promotions below it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.errors import (
    BundleCorrupt,
    BundleInvalid,
    NothingToRollBack,
    NotInForce,
    StoreInvalid,
    StoreNotWritable,
    UnknownBundle,
)
from model_store.model import load_model
from model_store.promotions import Promotion, request_id
from model_store.store import ModelStore
from model_store.training.export import linear_onnx
from tests.support.bundles import publish_tiny, reseal, tiny_graph, write_tiny

promoting = {"who": "ada", "why": "better recall"}


@pytest.fixture
def three(model_store: ModelStore) -> ModelStore:
    """Return a store with versions 1 to 3 of `tiny`, none in force."""
    for _ in range(3):
        publish_tiny(model_store, promote=False)
    return model_store


def _home(store: ModelStore) -> Path:
    return store.root / "tiny"


def _contents(root: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}


def _spoil(path: Path) -> None:
    content = bytearray((path / "model.onnx").read_bytes())
    content[-1] ^= 1
    (path / "model.onnx").write_bytes(content)


def test_versions_count_from_one(three: ModelStore):
    """Each publish takes the next number, and the manifest says it too."""
    assert three.names() == ("tiny",)
    assert three.versions("tiny") == ("1", "2", "3")
    assert [load_model(three.path("tiny", v)).key for v in "123"] == ["tiny@1", "tiny@2", "tiny@3"]


def test_versions_are_ordered_as_numbers(model_store: ModelStore):
    """The tenth version comes after the ninth."""
    publish_tiny(model_store, promote=False)
    (_home(model_store) / "1").rename(_home(model_store) / "9")
    publish_tiny(model_store, promote=False)
    assert model_store.versions("tiny") == ("9", "10")


def test_nothing_is_in_force_before_a_promotion(three: ModelStore):
    """Publishing does not change what is served."""
    assert three.current("tiny") is None
    assert three.history("tiny") == ()


def test_a_promotion_is_in_force_and_remembered(three: ModelStore):
    """Who, when, why, from and to are in the history, oldest first."""
    first = three.promote("tiny", "1", at=10.0, **promoting)
    second = three.promote("tiny", "3", at=20.5, who="bob", why="ünïcode\nand lines")
    assert first == Promotion(1, 10.0, "ada", "better recall", "tiny", None, "1")
    assert second == Promotion(2, 20.5, "bob", "ünïcode\nand lines", "tiny", "1", "3")
    assert three.current("tiny") == "3"
    assert three.history("tiny") == (first, second)
    assert ModelStore(three.root).history("tiny") == (first, second)


def test_promoting_what_is_in_force_is_no_change(three: ModelStore):
    """A repeated request gives the promotion it made the first time."""
    first = three.promote("tiny", "1", at=10.0, **promoting)
    assert three.promote("tiny", "1", at=11.0, who="bob", why="again") == first
    assert three.history("tiny") == (first,)


def test_rollback_goes_back_step_by_step(three: ModelStore):
    """Each rollback goes one version further back, and the first version has none before it."""
    for at, version in enumerate("123"):
        three.promote("tiny", version, at=at, **promoting)
    back = three.rollback("tiny", at=9.0, who="bob", why="wrong labels")
    assert (back.from_version, back.to_version, back.action) == ("3", "2", "rollback")
    assert three.rollback("tiny", at=10.0, who="bob", why="this one too").to_version == "1"
    with pytest.raises(NothingToRollBack, match="'tiny'"):
        three.rollback("tiny", at=11.0, who="bob", why="further")
    assert three.current("tiny") == "1"


@pytest.mark.parametrize(("leaving", "named"), [("2", "version 2 is not in force, 3 is"), ("9", "version 9")])
def test_a_rollback_leaves_only_the_version_it_names(three: ModelStore, leaving: str, named: str):
    """Another version in force than the one to leave is an error that names both, and changes no byte."""
    for version in "123":
        three.promote("tiny", version, at=1.0, **promoting)
    before = _contents(_home(three))
    with pytest.raises(NotInForce, match=named):
        three.rollback("tiny", at=2.0, leaving=leaving, **promoting)
    assert _contents(_home(three)) == before
    assert three.rollback("tiny", at=2.0, leaving="3", **promoting).to_version == "2"


def test_a_rollback_before_any_promotion_says_that_none_is_in_force(three: ModelStore):
    """There is nothing to leave, and nothing to go back to."""
    with pytest.raises(NotInForce, match="version 1 is not in force, none is"):
        three.rollback("tiny", at=0.0, leaving="1", **promoting)
    with pytest.raises(NothingToRollBack, match="'tiny'"):
        three.rollback("tiny", at=0.0, **promoting)


@pytest.mark.parametrize("leaving", [None, "3"])
def test_a_repeated_rollback_gives_the_first_result(three: ModelStore, leaving: str | None):
    """The same key never goes back twice, whatever was put in force since; another key does."""
    for version in "123":
        three.promote("tiny", version, at=1.0, **promoting)
    asked = partial(three.rollback, "tiny", leaving=leaving, idempotency_key="monday", **promoting)
    first = asked(at=2.0)
    assert (first.to_version, first.request) == ("2", request_id("tiny", "monday"))
    assert asked(at=3.0) == first
    three.promote("tiny", "1", at=4.0, **promoting)
    assert asked(at=5.0) == first
    assert three.current("tiny") == "1"
    assert three.rollback("tiny", at=6.0, idempotency_key="tuesday", **promoting).to_version == "2"


def test_a_key_used_again_for_another_version_is_a_request_of_its_own(three: ModelStore):
    """Whoever names the version that is in force now does not get an old answer about another."""
    for version in "123":
        three.promote("tiny", version, at=1.0, **promoting)
    asked = partial(three.rollback, "tiny", idempotency_key="rollback", **promoting)
    assert [asked(at=2.0, leaving=each).to_version for each in "3232"] == ["2", "1", "2", "1"]
    assert len(three.history("tiny")) == 5
    with pytest.raises(NotInForce, match="version 9 is not in force, 1 is"):
        asked(at=3.0, leaving="9")


def test_a_promotion_without_a_request_is_stored_as_before(three: ModelStore):
    """Lines of releases that knew no requests are read, and theirs are written for them to read."""
    three.promote("tiny", "1", at=1.0, **promoting)
    assert "request" not in json.loads((_home(three) / "history.jsonl").read_text())
    assert three.history("tiny")[0].request is None


@given(steps=st.lists(st.sampled_from(["1", "2", "3", "back"]), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_history_explains_the_version_in_force(three: ModelStore, steps: list[str]):
    """After any steps the version in force is that of a model: a stack that rollback pops."""
    for file in ("current.json", "history.jsonl"):
        (_home(three) / file).unlink(missing_ok=True)
    stack: list[str] = []
    for at, step in enumerate(steps):
        if step != "back":
            three.promote("tiny", step, at=at, **promoting)
            stack += [step] if stack[-1:] != [step] else []
        elif len(stack) > 1:
            three.rollback("tiny", at=at, **promoting)
            stack.pop()
    history = three.history("tiny")
    assert three.current("tiny") == (stack[-1] if stack else None)
    assert [p.seq for p in history] == list(range(1, len(history) + 1))
    assert [p.from_version for p in history[1:]] == [p.to_version for p in history[:-1]]


def test_a_spoiled_version_never_comes_into_force(three: ModelStore):
    """A bundle that was changed on disk is refused at promotion; pointer and history stay."""
    three.promote("tiny", "1", at=0.0, **promoting)
    _spoil(three.path("tiny", "2"))
    before = _contents(_home(three))
    with pytest.raises(BundleCorrupt, match=r"model\.onnx"):
        three.promote("tiny", "2", at=1.0, **promoting)
    assert three.current("tiny") == "1"
    assert _contents(_home(three)) == before


def test_a_spoiled_version_is_not_rolled_back_to(three: ModelStore):
    """Rolling back verifies as well; what runs stays."""
    three.promote("tiny", "1", at=0.0, **promoting)
    three.promote("tiny", "2", at=1.0, **promoting)
    _spoil(three.path("tiny", "1"))
    with pytest.raises(BundleCorrupt, match=r"model\.onnx"):
        three.rollback("tiny", at=2.0, **promoting)
    assert three.current("tiny") == "2"


def test_a_version_in_the_wrong_place_is_refused(three: ModelStore):
    """A directory renamed by hand does not pass for another version."""
    three.path("tiny", "3").rename(_home(three) / "4")
    with pytest.raises(BundleInvalid, match="is of tiny@3, stored as tiny@4"):
        three.promote("tiny", "4", at=0.0, **promoting)


@pytest.mark.parametrize("version", ["4", "0", "01", "../tiny/1", "", ".", "current.json"])
def test_an_unknown_version_is_named(three: ModelStore, version: str):
    """A version that is not there, or is no number, is an error that names it."""
    with pytest.raises(UnknownBundle, match=f"version {version!r} of 'tiny'"):
        three.promote("tiny", version, at=0.0, **promoting)


@pytest.mark.parametrize("name", ["absent", "..", "", "tiny/1", "TINY"])
def test_an_unknown_name_is_named(three: ModelStore, name: str):
    """A name without a published version is an error in every call, and no path leaves the store."""
    for call in (three.versions, three.current, three.history, partial(three.path, version="1")):
        with pytest.raises(UnknownBundle, match=repr(name)):
            call(name)
    with pytest.raises(UnknownBundle, match=repr(name)):
        three.rollback(name, at=0.0, **promoting)


def test_an_empty_store_has_no_names(model_store: ModelStore):
    """A store that was never written to can be asked, and is not made by that."""
    assert model_store.names() == ()
    assert not model_store.root.exists()


def _crash(directory: Path) -> None:
    write_tiny(directory)
    raise RuntimeError("out of rows")


def _wrong_graph(directory: Path) -> None:
    write_tiny(directory, onnx=tiny_graph(4))


def _no_numbers(directory: Path) -> None:
    write_tiny(directory, onnx=linear_onnx(np.full((4, 3), np.nan, "f4"), np.zeros(3, "f4")))


def _other_name(directory: Path) -> None:
    write_tiny(directory, name="other")


def _half(directory: Path) -> None:
    write_tiny(directory)
    (directory / "seen.npz").unlink()


def _nothing(directory: Path) -> None:
    del directory


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (_crash, "out of rows"),
        (_wrong_graph, "model.onnx: output 'logits' .*expected .rows, 3."),
        (_no_numbers, "model.onnx: fails on a first item .*not finite"),
        (_other_name, "manifest.json: key 'name': 'other', published as 'tiny'"),
        (_half, "seen.npz: .*missing"),
        (_nothing, "manifest.json: .*missing"),
    ],
    ids=["crash", "wrong graph", "no numbers", "other name", "half", "nothing"],
)
def test_a_failed_publish_leaves_nothing(three: ModelStore, build: Callable[[Path], None], named: str):
    """What cannot be built or served takes no number and leaves no directory."""
    before = {*_home(three).iterdir()}
    with pytest.raises(Exception, match=f"(?s){named}"):
        three.publish("tiny", build)
    assert {*_home(three).iterdir()} == before
    assert publish_tiny(three, promote=False).name == "4"


def test_a_failed_first_publish_makes_no_name(model_store: ModelStore):
    """A name comes into being with its first version, not with the attempt."""
    with pytest.raises(RuntimeError, match="out of rows"):
        model_store.publish("tiny", _crash)
    assert model_store.names() == ()
    with pytest.raises(UnknownBundle):
        model_store.versions("tiny")


@pytest.mark.parametrize("name", ["..", "a/b", "", "Tiny", "x" * 64])
def test_a_name_that_is_not_allowed_is_refused(model_store: ModelStore, name: str):
    """No name leaves the store, and nothing is made for one that would."""
    with pytest.raises(BundleInvalid, match="is not a name"):
        model_store.publish(name, write_tiny)
    assert not model_store.root.exists()


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path):
    """The error names the path and what the operating system said."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreNotWritable, match=r"file/tiny: cannot write to the store \(Not a directory\)"):
        publish_tiny(ModelStore(tmp_path / "file"))


def test_a_full_disk_says_so(three: ModelStore):
    """No space while building is told as such, and the draft is removed."""

    def build(directory: Path) -> None:
        raise OSError(28, os.strerror(28), str(directory))

    with pytest.raises(StoreNotWritable, match="No space left"):
        three.publish("tiny", build)
    assert not list(_home(three).glob(".draft-*"))


def test_what_a_killed_publish_left_is_removed_by_the_next(three: ModelStore):
    """A draft of a dead process is no version, and goes away when somebody publishes."""
    leftover = _home(three) / ".draft-dead"
    write_tiny(leftover)
    assert three.versions("tiny") == ("1", "2", "3")
    assert three.names() == ("tiny",)
    publish_tiny(three, promote=False)
    assert not leftover.exists()


def test_publishing_at_once_gives_each_its_number(model_store: ModelStore):
    """Publishers of one name exclude each other; no number is given twice."""
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: publish_tiny(model_store, promote=False), range(6)))
    assert sorted(path.name for path in paths) == list("123456")
    assert model_store.versions("tiny") == tuple("123456")


def test_promoting_at_once_loses_no_promotion(three: ModelStore):
    """Promotions from many threads are one chain without gaps."""
    barrier = threading.Barrier(4)

    def promote(worker: int) -> None:
        barrier.wait()
        for at in range(4):
            three.promote("tiny", str(1 + (worker + at) % 3), at=float(at), **promoting)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(promote, range(4)))
    history = three.history("tiny")
    assert [p.seq for p in history] == list(range(1, len(history) + 1))
    assert all(a.to_version == b.from_version != b.to_version for a, b in itertools.pairwise(history))
    assert three.current("tiny") == history[-1].to_version


@pytest.mark.parametrize(
    ("options", "left"),
    [({"leaving": "3"}, {"2"}), ({"idempotency_key": "k"}, {"2"}), ({}, {"1"})],
    ids=["from", "key", "neither"],
)
def test_rolling_back_at_once_goes_back_once(three: ModelStore, options: dict[str, str], left: set[str]):
    """Of two that name what they leave, or are the same request, one rolls back; without either both do."""
    for version in "123":
        three.promote("tiny", version, at=1.0, **promoting)
    barrier = threading.Barrier(2)

    def roll_back(_: int) -> Promotion | None:
        barrier.wait()
        try:
            return ModelStore(three.root).rollback("tiny", at=2.0, **promoting, **options)
        except NotInForce:
            return None

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(roll_back, range(2)))
    assert {three.current("tiny")} == left
    assert three.history("tiny")[-1] in done
    assert len(three.history("tiny")) == 3 + (2 if left == {"1"} else 1)


def test_two_processes_roll_back_once(three: ModelStore):
    """The version to leave is compared under the lock of the store, which other processes respect."""
    for version in "123":
        three.promote("tiny", version, at=1.0, **promoting)
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from model_store.store import ModelStore
        store = ModelStore(Path(sys.argv[1]))
        print("ready", flush=True)
        sys.stdin.readline()
        store.rollback("tiny", who="two", why="at once", at=2.0, leaving="3")
    """)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(three.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    told = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        told.append(process.communicate(timeout=60)[1])
    assert sorted(process.returncode for process in processes) == [0, 1]
    assert sum("version 3 is not in force, 2 is" in each for each in told) == 1
    assert [each.to_version for each in three.history("tiny")] == ["1", "2", "3", "2"]


@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_rollback_killed_before_its_line_is_not_done_again(three: ModelStore, data: st.DataObject):
    """Whoever repeats it after the kill gets what it did, and the history has it once."""
    for file in ("current.json", "history.jsonl"):
        (_home(three) / file).unlink(missing_ok=True)
    for version in "123":
        three.promote("tiny", version, at=1.0, **promoting)
    asked = partial(three.rollback, "tiny", idempotency_key="k", **promoting)
    first = asked(at=2.0)
    file = _home(three) / "history.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3]) + lines[3][: data.draw(st.integers(0, len(lines[3]) - 1))])
    assert asked(at=3.0) == first
    assert three.current("tiny") == "2"
    assert [json.loads(line)["seq"] for line in file.read_bytes().splitlines()] == [1, 2, 3, 4]


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_kill_before_the_line_of_history_loses_nothing(three: ModelStore, data: st.DataObject):
    """Whatever part of the last line reached the disk, the promotion shows, and the next writer adds it."""
    for file in ("current.json", "history.jsonl"):
        (_home(three) / file).unlink(missing_ok=True)
    made = [three.promote("tiny", version, at=float(version), **promoting) for version in "12"]
    file = _home(three) / "history.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    torn = lines[0] + lines[1][: data.draw(st.integers(0, len(lines[1]) - 1))]
    file.write_bytes(torn)

    assert three.current("tiny") == "2"
    assert three.history("tiny") == tuple(made)
    assert file.read_bytes() == torn

    third = three.promote("tiny", "3", at=3.0, **promoting)
    assert three.history("tiny") == (*made, third)
    assert [json.loads(line)["seq"] for line in file.read_bytes().splitlines()] == [1, 2, 3]


def test_a_kill_before_the_pointer_is_replaced_changes_nothing(three: ModelStore):
    """A new pointer that was written but not renamed is not in force, and is overwritten later."""
    three.promote("tiny", "1", at=1.0, **promoting)
    (_home(three) / ".current.json.new").write_text('{"to_version": "2", torn')
    assert three.current("tiny") == "1"
    three.promote("tiny", "3", at=3.0, **promoting)
    assert three.current("tiny") == "3"
    assert [p.to_version for p in three.history("tiny")] == ["1", "3"]


def test_reading_changes_nothing(three: ModelStore):
    """Asking a store, torn history or not, writes no byte and makes no file."""
    three.promote("tiny", "1", at=1.0, **promoting)
    with (_home(three) / "history.jsonl").open("ab") as file:
        file.write(b'{"torn')
    before = _contents(three.root)
    (
        three.names(),
        three.versions("tiny"),
        three.current("tiny"),
        three.history("tiny"),
        three.path("tiny", "1"),
    )
    assert _contents(three.root) == before


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("current.json", "", "current.json: is not a promotion"),
        ("current.json", '{"to_version": "1"}', "current.json: is not a promotion"),
        ("current.json", "[]", "current.json: is not a promotion"),
        ("history.jsonl", "garbage\n", "history.jsonl: line 1: is not a promotion"),
        ("history.jsonl", "\n", "history.jsonl: line 1: is not a promotion"),
    ],
    ids=["empty", "keys", "list", "garbage", "blank"],
)
def test_files_that_were_edited_are_refused(three: ModelStore, file: str, content: str, named: str):
    """A pointer or a whole line that says nothing is an error that names file and line, not a guess."""
    three.promote("tiny", "1", at=1.0, **promoting)
    (_home(three) / file).write_text(content)
    with pytest.raises(StoreInvalid, match=named):
        three.history("tiny")
    with pytest.raises(StoreInvalid, match=named):
        three.promote("tiny", "2", at=2.0, **promoting)


def test_a_bundle_from_elsewhere_gets_the_next_version(three: ModelStore, tmp_path: Path):
    """An imported bundle keeps its name and takes the number that is free here."""
    elsewhere = publish_tiny(ModelStore(tmp_path / "elsewhere"), promote=False)
    path = three.import_bundle(elsewhere)
    assert path == three.path("tiny", "4")
    assert load_model(path).key == "tiny@4"


def _linked(path: Path) -> None:
    (path / "card.md").rename(path.parent / "secret")
    (path / "card.md").symlink_to(path.parent / "secret")


def _unloadable(path: Path) -> None:
    (path / "model.onnx").write_bytes(b"no graph")
    reseal(path)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_linked, "card.md: is not a plain file"),
        (_spoil, "model.onnx: sha256"),
        (_unloadable, "model.onnx: "),
    ],
    ids=["link", "changed", "unloadable"],
)
def test_a_bundle_from_elsewhere_is_verified_first(
    three: ModelStore, tmp_path: Path, spoil: Callable[[Path], None], named: str
):
    """Nothing of a bundle that is not whole gets into the store."""
    elsewhere = publish_tiny(ModelStore(tmp_path / "elsewhere"), promote=False)
    spoil(elsewhere)
    before = _contents(three.root)
    with pytest.raises((BundleInvalid, BundleCorrupt), match=named):
        three.import_bundle(elsewhere)
    assert _contents(three.root) == before


@pytest.mark.slow
def test_a_real_kill_leaves_one_consistent_chain(three: ModelStore):
    """A process that promotes without pause and is killed leaves a pointer and a history that agree."""
    script = textwrap.dedent("""
        import itertools, sys
        from pathlib import Path
        from model_store.store import ModelStore
        store = ModelStore(Path(sys.argv[1]))
        print("ready", flush=True)
        for at, version in enumerate(itertools.cycle("123")):
            store.promote("tiny", version, who="loop", why="kill me", at=float(at))
            print(version, flush=True)
    """)
    acknowledged = 0
    for lines in (1, 2, 5, 3, 7):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(three.root)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        history = three.history("tiny")
        acknowledged += lines - 1
        assert len(history) >= acknowledged
        assert [p.seq for p in history] == list(range(1, len(history) + 1))
        assert all(a.to_version == b.from_version for a, b in itertools.pairwise(history))
        assert three.current("tiny") == history[-1].to_version


@pytest.mark.slow
def test_a_real_kill_never_rolls_back_twice(three: ModelStore):
    """A process killed anywhere in its rollbacks: repeating the one it was at does it, once."""
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from model_store.store import ModelStore
        store = ModelStore(Path(sys.argv[1]))
        for round in range(int(sys.argv[2]), 10**6):
            store.promote("tiny", "1", who="loop", why="kill me", at=1.0)
            store.promote("tiny", "2", who="loop", why="kill me", at=2.0)
            print(round, flush=True)
            store.rollback("tiny", who="loop", why="kill me", at=3.0, idempotency_key=str(round))
    """)
    begun = 0
    for lines in (1, 2, 5, 3, 7):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(three.root), str(begun)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                told = process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        last = int(told)
        for _ in range(2):
            done = three.rollback("tiny", idempotency_key=str(last), at=3.0, **promoting)
            assert (done.from_version, done.to_version) == ("2", "1")
        begun = last + 1
        requests = [each.request for each in three.history("tiny") if each.action == "rollback"]
        assert len(requests) == len(set(requests)) >= begun
