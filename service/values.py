"""How is the text of a variable read, and how long may what a client sends be?

A parser returns a value or raises ValueError: what is allowed.
"""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

MAX_SOURCES: Final = 31  # with "other" at most 32 series
MAX_NAMES: Final = 1_000
# What a client may send, over HTTP or by the command line; names are those of people, classes and ids.
MAX_NAME: Final = 128
MAX_REASON: Final = 1_000
MAX_IDEMPOTENCY_KEY: Final = 128
MAX_LEASE_ITEMS: Final = 500
MAX_LEASE_MINUTES: Final = 10_080
MAX_ERASED: Final = 500
MAX_ERASED_ID: Final = 1_024
MAX_FACTOR: Final = 1_000  # of a share, to be planned with
LATEST_SECOND: Final = 10**11
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how a secret begins, not one
LEAST_SECRET_BYTES: Final = 24
# Of a batch made by hand.
MOST_ITEMS: Final = 5_000
MOST_EXPLORED: Final = 100_000
MOST_LABELERS: Final = 5  # of one item
MOST_WATCHED: Final = 32

T = TypeVar("T")
Pairs: TypeAlias = tuple[tuple[str, float], ...]


def _number(kind: Callable[[str], T], low: float, high: float, noun: str) -> Callable[[str], T]:
    def parse(raw: str) -> T:
        try:
            value = kind(raw.replace("_", "?"))  # Python would read 1_0 as ten
            if low <= float(value) <= high:  # type: ignore[arg-type]
                return value
        except ValueError:
            pass
        raise ValueError(f"{noun} in [{low:.12g}, {high:.12g}]")

    return parse


def integer(low: float, high: float) -> Callable[[str], int]:
    """Return a parser of whole numbers."""
    return _number(int, low, high, "a whole number")


def real(low: float, high: float) -> Callable[[str], float]:
    """Return a parser of numbers."""
    return _number(float, low, high, "a number")


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser of one word of several."""

    def parse(raw: str) -> str:
        if raw not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return raw

    return parse


def pairs(low: float, high: float, *, separator: str, what: str) -> Callable[[str], Pairs]:
    """Return a parser of `name=number,...`, each name once; `separator` is the sign before the number."""
    number = real(low, high)

    def parse(raw: str) -> Pairs:
        found: dict[str, float] = {}
        for part in raw.split(","):
            if not part.strip():
                continue
            name, sign, value = part.strip().rpartition(separator)
            try:
                if not (sign and name.strip()) or name.strip() in found:
                    raise ValueError
                found[name.strip()] = number(value.strip())
            except ValueError:
                raise ValueError(
                    f"{what}{separator}number, separated by commas, each {what} once and each number "
                    f"in [{low:.12g}, {high:.12g}]"
                ) from None
        if len(found) > MAX_NAMES:
            raise ValueError(f"at most {MAX_NAMES} of {what}{separator}number")
        return tuple(found.items())

    return parse


def shares(*names: str) -> Callable[[str], Pairs]:
    """Return a parser of how a whole is split among `names`; what is not named gets nothing."""
    parse_pairs = pairs(0.0, 1.0, separator="=", what="name")
    allowed = (
        f"{','.join(f'{name}=share' for name in names)} with shares from 0 to 1 that sum to 1 and "
        f"{names[0]} above 0"
    )

    def parse(raw: str) -> Pairs:
        try:
            given = dict(parse_pairs(raw))
        except ValueError:
            raise ValueError(allowed) from None
        if not given.keys() <= set(names) or abs(sum(given.values()) - 1.0) > 1e-9 or not given.get(names[0]):
            raise ValueError(allowed)
        return tuple((name, given.get(name, 0.0)) for name in names)

    return parse


def written(value: Pairs, separator: str) -> str:
    """Return the text that a parser of pairs reads as `value`."""
    return ",".join(f"{name}{separator}{number!r}" for name, number in value)


def sources(raw: str) -> tuple[str, ...]:
    """Return declared sources, each once."""
    names = tuple(dict.fromkeys(name.strip() for name in raw.split(",") if name.strip()))
    if len(names) > MAX_SOURCES or any(len(name) > 64 for name in names):
        raise ValueError(f"at most {MAX_SOURCES} names of at most 64 characters, separated by commas")
    return names


def text(raw: str) -> str:
    """Return the text, which must hold something."""
    if not raw or "\0" in raw:
        raise ValueError("a text that is not empty")
    return raw


def address(raw: str) -> str:
    """Return the address of something that is spoken to over HTTP."""
    expected = "an address such as https://hooks.example.org/seamark"
    try:
        parts = urlsplit(raw)
        named = parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in {"http", "https"} or not named or not raw.isprintable() or " " in raw:
        raise ValueError(expected)
    return raw


def signing_secret(raw: str) -> str:
    """Return a secret that `signing_key` takes."""
    signing_key(raw)
    return raw


def signing_key(secret: str) -> bytes:
    """Return the key that a secret of Standard Webhooks spells."""
    expected = f"{SECRET_PREFIX} and the base64 of at least {LEAST_SECRET_BYTES} random bytes"
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(expected) from None
    if not secret.startswith(SECRET_PREFIX) or len(key) < LEAST_SECRET_BYTES:
        raise ValueError(expected)
    return key


def path(raw: str) -> Path:
    """Return a path of this machine."""
    if "://" in raw:  # which a path would quietly shorten to a directory of an odd name
        raise ValueError("a path on this machine; no address is supported yet")
    return Path(text(raw))
