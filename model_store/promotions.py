"""Say which version of a bundle is in force, and who changed that, when and why."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from model_store.bundles.canonical import canonical_json
from model_store.bundles.durable import append_line, os_errors, replace_file
from model_store.bundles.manifest import VERSION
from model_store.errors import StoreInvalid

Action: TypeAlias = Literal["promote", "rollback"]

POINTER: Final = "current.json"
HISTORY: Final = "history.jsonl"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One change of the version in force; `at` in seconds since the epoch, `seq` from 1 without gaps.

    `request` tells which request made it, see `request_id`; None where the caller gave no key.
    """

    seq: int
    at: float
    who: str
    why: str
    name: str
    from_version: str | None
    to_version: str
    action: Action = "promote"
    request: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object that is stored, and shown as a line of the history."""
        # Left out where there is none: releases that know no requests read these lines too.
        return {name: value for name, value in asdict(self).items() if name != "request" or value is not None}


def request_id(name: str, idempotency_key: str) -> str:
    """Return what marks the change that a request makes: the same however often it is sent."""
    parts = "\0".join(("promotion", name, idempotency_key))
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()[:16]


def in_force(home: Path) -> Promotion | None:
    """Return what the pointer of the bundle directory `home` says; None before the first promotion."""
    try:
        content = (home / POINTER).read_bytes()
    except FileNotFoundError:
        return None
    return _parse(content, home / POINTER)


def read_history(home: Path) -> tuple[Promotion, ...]:
    """Return all promotions, the last one in force, whether or not its line was written yet."""
    # The pointer is replaced before the line is added: read in this order it is never the older one.
    lines, _ = _read_lines(home)
    return _completed(lines, in_force(home))


def repair_history(home: Path) -> tuple[Promotion, ...]:
    """Make the file say what `read_history` returns; a writer does so, under its lock, before it adds."""
    lines, whole_bytes = _read_lines(home)
    complete = _completed(lines, in_force(home))
    file = home / HISTORY
    with os_errors(file):
        if file.exists() and file.stat().st_size > whole_bytes:
            os.truncate(file, whole_bytes)
        for promotion in complete[len(lines) :]:
            _append(file, promotion)
    return complete


def put_in_force(home: Path, promotion: Promotion) -> None:
    """Replace the pointer, then add the line of history; a kill between the two loses nothing."""
    with os_errors(home):
        replace_file(home / POINTER, canonical_json(promotion.to_json()))
        _append(home / HISTORY, promotion)


def in_force_before(history: tuple[Promotion, ...]) -> str | None:
    """Return the version that a rollback puts in force.

    Examples
    --------
    >>> def step(seq, to, action="promote"):
    ...     return Promotion(seq, 0.0, "", "", "intents", None, to, action)
    >>> in_force_before((step(1, "1"), step(2, "2"), step(3, "3")))
    '2'
    >>> in_force_before((step(1, "1"), step(2, "2"), step(3, "3"), step(4, "2", "rollback")))
    '1'
    """
    chain: list[str] = []
    for promotion in history:
        if promotion.action == "promote":
            chain.append(promotion.to_version)
        else:
            del chain[-1:]
    return chain[-2] if len(chain) > 1 else None


def _append(file: Path, promotion: Promotion) -> None:
    append_line(file, json.dumps(promotion.to_json(), sort_keys=True, ensure_ascii=False).encode())


def _completed(lines: tuple[Promotion, ...], pointer: Promotion | None) -> tuple[Promotion, ...]:
    if pointer is None or (lines and lines[-1] == pointer):
        return lines
    return (*lines, pointer)


def _read_lines(home: Path) -> tuple[tuple[Promotion, ...], int]:
    """Return the promotions of all whole lines, and the bytes those take; a torn last line is left out."""
    try:
        content = (home / HISTORY).read_bytes()
    except FileNotFoundError:
        return (), 0
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.split(b"\n")[:-1]
    parsed = (_parse(line, home / HISTORY, where=f"line {n}: ") for n, line in enumerate(lines, start=1))
    return tuple(parsed), len(whole)


_OPTIONAL: Final = {"request"}
_FIELDS: Final = {field.name for field in fields(Promotion)} - _OPTIONAL


def _parse(content: bytes, path: Path, *, where: str = "") -> Promotion:
    try:
        raw: Any = json.loads(content)
        if not isinstance(raw, dict) or raw.keys() - _OPTIONAL != _FIELDS:
            raise ValueError(f"expected an object of {', '.join(sorted(_FIELDS))}")
        if type(raw["seq"]) is not int or not VERSION.fullmatch(raw["to_version"]):
            raise ValueError("seq or to_version is not a number")
        return Promotion(**raw)
    except (ValueError, TypeError) as error:
        raise StoreInvalid(path, f"{where}is not a promotion ({error})") from error
