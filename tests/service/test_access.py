"""Keys open what their scope says, and nothing else."""

import hashlib
from pathlib import Path

import pytest

from service.access import Access, Key, KeysInvalid, is_loopback, read_keys
from service.problems import KeyMissing, RemoteRefused, ScopeMissing


def digest(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


@pytest.fixture
def keyed() -> Access:
    """Return an access with one key for predicting and two, as in a rotation, for operating."""
    return Access([Key("predict", digest("p")), Key("operate", digest("old")), Key("operate", digest("new"))])


def test_a_file_of_keys_is_read_with_comments_and_labels(tmp_path: Path) -> None:
    """One key a line, whose it is behind it, comments ignored."""
    path = tmp_path / "keys"
    path.write_text(f"# ours\n\npredict:{digest('a')}:front end\nlabel:{digest('b')} # team\n")
    assert read_keys(path) == (Key("predict", digest("a"), "front end"), Key("label", digest("b")))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f"root:{'0' * 64}", ":1: expected scope:sha256hex[:label]"),
        ("# one\npredict:secret", ":2: expected scope:sha256hex[:label]"),
        ("# nobody", "expected at least one key"),
        ("\n".join(f"label:{digest(str(i))}" for i in range(3)), "expected at most 2 keys of scope label"),
    ],
    ids=["unknown scope", "a secret in clear", "no key", "three keys of a scope"],
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, content: str, place: str) -> None:
    """A server with a bad file of keys does not start open by mistake; the secret is not repeated."""
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(KeysInvalid) as raised:
        read_keys(path)
    assert place in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_missing_file_of_keys_stops_the_start(tmp_path: Path) -> None:
    """A path that is configured and not there is an error."""
    with pytest.raises(KeysInvalid, match="a readable text file"):
        read_keys(tmp_path / "none")


@pytest.mark.parametrize("secret", ["old", "new"])
def test_both_keys_of_a_rotation_open(keyed: Access, secret: str) -> None:
    """Old and new key work side by side, in any case of the scheme."""
    keyed.require(f"Bearer {secret}", "operate")
    keyed.require(f"bearer {secret}", "label", "operate")


@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer x", "Basic old", "old"])
def test_no_known_key_is_refused(keyed: Access, sent: str | None) -> None:
    """Whatever is not a known bearer token is as good as none."""
    with pytest.raises(KeyMissing):
        keyed.require(sent, "operate")


def test_a_key_of_another_scope_is_refused(keyed: Access) -> None:
    """Scopes do not include each other, and the error names the right one."""
    with pytest.raises(ScopeMissing, match="scope operate or label"):
        keyed.require("Bearer p", "operate", "label")


def test_without_keys_only_this_host_writes() -> None:
    """A remote client is told how to configure keys; a local one passes, and predict is open to all."""
    open_access = Access()
    open_access.require(None, "predict")
    open_access.require_local("127.0.0.1", "localhost:3000", None, "operate")
    with pytest.raises(RemoteRefused, match="SEAMARK_KEYS_FILE"):
        open_access.require_local("10.0.0.7", "localhost:3000", None, "operate")


def test_with_keys_the_host_does_not_matter(keyed: Access) -> None:
    """A remote client with a key passes; a local one without does not."""
    keyed.require_local("10.0.0.7", "seamark.example", "Bearer new", "operate")
    with pytest.raises(KeyMissing):
        keyed.require_local("127.0.0.1", "localhost", None, "operate")


@pytest.mark.parametrize("asked", ["evil.example", "127.0.0.1.evil.example:80", "", None, "[::2]:3000"])
def test_a_local_client_must_ask_for_this_host(asked: str | None) -> None:
    """A proxy in front or a rebound name makes any client local; its Host header tells."""
    with pytest.raises(RemoteRefused):
        Access().require_local("127.0.0.1", asked, None, "operate")


@pytest.mark.parametrize("asked", ["localhost", "LOCALHOST:80", "127.0.0.1:3000", "[::1]:3000", "[::1]"])
def test_every_way_to_name_this_host_is_known(asked: str) -> None:
    """With and without a port, by name and by address."""
    Access().require_local("127.0.0.1", asked, None, "operate")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("10.0.0.7", False),
        (None, False),
        ("", False),
    ],
)
def test_loopback_is_told_by_the_address(host: str | None, local: bool) -> None:
    """A name is never local, nor is a client without an address."""
    assert is_loopback(host) is local
