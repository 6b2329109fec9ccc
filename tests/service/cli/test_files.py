"""Files are written whole, and what people filled in is never written over."""

import os
from pathlib import Path

import pytest

from model_store.bundles import durable
from service.cli.files import FileRefused, write, write_new


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """Not even the time of the file."""
    path = tmp_path / "new" / "a"
    assert write_new({path: b"x"}) == write_new({path: b"x"}) == [path]
    os.utime(path, (1, 1))
    write_new({path: b"x"})
    assert (path.read_bytes(), path.stat().st_mtime) == (b"x", 1)


def test_of_several_files_all_or_none_is_written(tmp_path: Path) -> None:
    """The refusal names the one that is there and the option that names another place."""
    (tmp_path / "b").write_bytes(b"filled in")
    with pytest.raises(FileRefused) as refused:
        write_new({tmp_path / "a": b"x", tmp_path / "b": b"x"}, option="--out")
    assert str(refused.value) == (
        f"{tmp_path / 'b'}: is there already, with other content; choose another --out, or move it away"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"b": b"filled in"}


@pytest.mark.parametrize("name", ["file/a", "directory"])
def test_a_place_for_no_file_is_one_line(tmp_path: Path, name: str) -> None:
    """Under a file, or where a directory is."""
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    for writing in (lambda path: write_new({path: b"x"}), lambda path: write(path, b"x")):
        with pytest.raises(FileRefused, match=rf"{name}: cannot be written \(.*\); choose another --to$"):
            writing(tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["directory", "file"]


def test_a_full_disk_leaves_the_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the new content is taken away again."""

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    path = write(tmp_path / "a", b"old")
    monkeypatch.setattr(durable, "sync", full)
    with pytest.raises(FileRefused, match="No space left on device"):
        write(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a", b"old")]
