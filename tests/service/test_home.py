"""The metrics of a server have a place that no other server and no full disk disturbs."""

from pathlib import Path

import pytest

from service.home import SHARED_MEMORY, HomeUnusable, server_home
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a server whose state lies in a temporary directory."""
    return Settings(state=tmp_path / "state")


def test_it_is_not_beside_the_state(settings: Settings, tmp_path: Path) -> None:
    """A disk that the state has filled up takes no new page of a mapped file: that would be a SIGBUS."""
    with server_home(settings) as home:
        assert home.is_dir()
        assert not home.is_relative_to(tmp_path)
    assert not home.exists()


def test_servers_that_run_at_once_have_their_own(tmp_path: Path) -> None:
    """The port, the host or the state tells two servers apart."""
    alike = Settings(state=tmp_path, port=4001)
    others = [
        Settings(state=tmp_path, port=4002),
        Settings(state=tmp_path / "b", port=4001),
        Settings(state=tmp_path, port=4001, host="127.0.0.2"),
    ]
    with server_home(alike) as home:
        for other in others:
            with server_home(other) as another:
                assert another != home


def test_a_killed_server_finds_its_own_again(settings: Settings) -> None:
    """What a SIGKILL left behind is used and removed by the next one, and does not pile up."""
    with server_home(settings) as home:
        (home / "left").write_text("")
        with server_home(settings) as again:
            assert again == home
    assert not home.exists()


def test_a_directory_that_somebody_else_prepared_is_not_used(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link, or a directory open to others, may be a trap: another one is made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with server_home(settings, places=()) as home:
        pass
    home.symlink_to(tmp_path)
    with server_home(settings, places=()) as another:
        assert another != home
    home.unlink()
    home.mkdir()
    home.chmod(0o777)
    with server_home(settings, places=()) as another:
        assert another != home
    assert home.exists()


def test_a_place_without_room_is_passed_over(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shared memory of a container may be small, and is missing elsewhere; then it is where TMPDIR says."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("service.home.LEAST_FREE_BYTES", 2**62)
    with server_home(settings, places=(SHARED_MEMORY, tmp_path / "none")) as home:
        assert home.parent == tmp_path


def test_no_place_at_all_is_one_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the directory and the variable."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(HomeUnusable, match="set TMPDIR"), server_home(settings, places=()):
        pass
