"""Was this item erased? A digest of its id stays behind, so that it is not kept when it comes again."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from monitoring.recording.candidate import Candidate
from monitoring.store.database import in_parts
from monitoring.store.tables import tombstones

# The decision of an occurrence whose item was erased: no index into `model_store.policy.DECISIONS`.
ERASED: Final = -1
_PURPOSE: Final = b"seamark tombstone\0"
_NAMES: Final = frozenset({"key", "id", "item_id", "item"})
_LISTS: Final = frozenset({"keys", "ids", "item_ids", "items"})
_ANY: Final = sa.select(sa.exists(sa.select(tombstones.c.digest)))


@dataclass(frozen=True, slots=True)
class Items:
    """What is to be erased: what takes the place of each key, as it is stored, and what the items said."""

    aliases: Mapping[str, str]
    texts: frozenset[str] = frozenset()


def storable(text: str) -> str:
    """Return the text with halves of surrogate pairs replaced, which no database takes."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def digest_of(key: str) -> str:
    """Return what a tombstone keeps of an item's key, as it is stored: SHA-256, 64 hex digits."""
    return hashlib.sha256(_PURPOSE + key.encode()).hexdigest()


def new_alias() -> str:
    """Return what stands in the place of an erased item's key; it is random, so nothing leads back."""
    return f"erased:{secrets.token_hex(16)}"


def erased_of(connection: sa.Connection, keys: Iterable[str]) -> frozenset[str]:
    """Return those of the keys, as they are stored, whose item was erased."""
    if not connection.scalar(_ANY):  # the usual case, at a tenth of the cost of hundreds of parameters
        return frozenset()
    key_of = {digest_of(key): key for key in keys}
    found: set[str] = set()
    for part in in_parts(list(key_of)):
        found |= set(connection.scalars(sa.select(tombstones.c.digest).where(tombstones.c.digest.in_(part))))
    return frozenset(key_of[digest] for digest in found)


def kept_of(one: Candidate) -> Candidate | None:
    """Return what may stay of a candidate whose item was erased; None for nothing.

    An occurrence that was drawn stays as a draw without content: were it taken out, the next one would take
    its place, and the sample would no longer be the one that the counts say it is.
    """
    drawn = frozenset(kind for kind in one.kinds if kind.startswith("random:"))
    if not drawn:
        return None
    return replace(
        one,
        key=new_alias(),
        item_id=None,
        text=None,
        probabilities=np.zeros_like(one.probabilities),
        label=-1,
        decision=ERASED,
        kinds=drawn,
        uncertainty=None,
    )


def without(items: Items, value: Any) -> Any:
    """Return JSON without the items: an entry of a list that names one or says what it said is left out.

    Only fields that hold ids and texts are looked at: an item may be called as a class or a source is.
    """
    if isinstance(value, dict):
        return {name: _field(items, name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [without(items, each) for each in value if not _is_about(items, each)]
    return value


def _field(items: Items, name: str, value: Any) -> Any:
    if isinstance(value, str):
        if name in _NAMES:
            return items.aliases.get(value, value)
        return None if name == "text" and value in items.texts else value
    if name in _LISTS and isinstance(value, list):
        value = [each for each in value if not isinstance(each, str) or each not in items.aliases]
    return without(items, value)


def _is_about(items: Items, value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    named = (name for name, each in value.items() if isinstance(each, str))
    return any(_field(items, name, value[name]) != value[name] for name in named)
