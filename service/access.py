"""Who may do what? Keys with scopes from a file, or the local host only."""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, get_args

from service.problems import KeyMissing, RemoteRefused, ScopeMissing
from service.settings import ServiceError

Scope = Literal["predict", "operate", "label"]
SCOPES: Final[tuple[str, ...]] = get_args(Scope)
KEYS_PER_SCOPE: Final = 2
_LINE: Final = re.compile(r"(?P<scope>[a-z]+):(?P<digest>[0-9a-f]{64})(?::(?P<label>[\w .@-]{1,64}))?")


class KeysInvalid(ServiceError):
    """The file of keys cannot be used; the server does not start open by mistake."""

    def __init__(self, path: Path, line: int | None, expected: str) -> None:
        super().__init__(path, line, expected)
        self.path, self.line, self.expected = path, line, expected

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored: what it opens, the SHA-256 of the secret in hex, and whose it is."""

    scope: Scope
    digest: str
    label: str = ""


def read_keys(path: Path) -> tuple[Key, ...]:
    """Return the keys in `path`: one `scope:sha256hex[:label]` a line, `#` starts a comment.

    Two keys of a scope may be active, so that one can be replaced without a gap.

    Raises
    ------
    KeysInvalid
        The file cannot be read, a line does not parse, a scope has more than two keys, or there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysInvalid(path, None, f"a readable text file ({type(error).__name__})") from None
    keys = []
    for number, line in enumerate(lines, start=1):
        if content := line.partition("#")[0].strip():
            keys.append(_key(path, number, content))
    if not keys:
        raise KeysInvalid(path, None, "at least one key, or no SEAMARK_KEYS_FILE at all")
    for scope, count in Counter(key.scope for key in keys).items():
        if count > KEYS_PER_SCOPE:
            raise KeysInvalid(path, None, f"at most {KEYS_PER_SCOPE} keys of scope {scope}")
    return tuple(keys)


def _key(path: Path, number: int, content: str) -> Key:
    match = _LINE.fullmatch(content)
    scope = match["scope"] if match else None
    if match is None or scope not in SCOPES:
        raise KeysInvalid(path, number, f"scope:sha256hex[:label] with scope {', '.join(SCOPES)}")
    return Key(scope, match["digest"], match["label"] or "")  # type: ignore[arg-type]


class Access:
    """Decides whether a request may pass; holds digests, never secrets."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._keys = tuple(keys)

    @property
    def has_keys(self) -> bool:
        """Tell whether keys are configured."""
        return bool(self._keys)

    def require(self, authorization: str | None, *scopes: Scope) -> None:
        """Let a request with a key of one of `scopes` pass; without configured keys, let every one.

        Raises
        ------
        KeyMissing
            No known key.
        ScopeMissing
            A known key of another scope.
        """
        if not self._keys:
            return
        held = self._scopes(authorization)
        if not held:
            raise KeyMissing
        if held.isdisjoint(scopes):
            raise ScopeMissing(*scopes)

    def require_local(
        self, client_host: str | None, asked_host: str | None, authorization: str | None, *scopes: Scope
    ) -> None:
        """Like `require`; without configured keys, let only this host pass.

        Parameters
        ----------
        client_host
            The client's address.
        asked_host
            The Host header. It must be this machine's too: a proxy in front makes every client local, and so
            does a web page whose name was made to resolve to 127.0.0.1.

        Raises
        ------
        RemoteRefused
            No keys are configured, and the client is another host or asked for another.
        """
        if not self._keys and not (is_loopback(client_host) and is_local_name(asked_host)):
            raise RemoteRefused
        self.require(authorization, *scopes)

    def _scopes(self, authorization: str | None) -> frozenset[str]:
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            return frozenset()
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest()
        # Every key is compared, so that the time taken tells nothing about which one matched.
        return frozenset([key.scope for key in self._keys if hmac.compare_digest(key.digest, digest)])


def is_local_name(asked_host: str | None) -> bool:
    """Tell whether a Host header, with or without a port, means this machine."""
    name = re.sub(r":\d*$", "", asked_host or "").strip("[]")
    return name.lower() == "localhost" or is_loopback(name)


def is_loopback(host: str | None) -> bool:
    """Tell whether `host`, an address as ASGI names it, is this machine."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
