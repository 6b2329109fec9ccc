"""How is an item erased on somebody's request?"""

import re
from typing import Annotated

from msgspec import Meta, Struct

from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.models import Name, Reason
from service.values import MAX_ERASED, MAX_ERASED_ID

SHORTEST_ANYWHERE = 4  # a shorter id may be part of an ordinary word

ItemId = Annotated[str, Meta(min_length=1, max_length=MAX_ERASED_ID)]


class Erase(Struct, frozen=True, forbid_unknown_fields=True):
    """Which items go, by the id they were sent with or the key they have in batches; who erases, and why."""

    ids: Annotated[list[ItemId], Meta(min_length=1, max_length=MAX_ERASED)]
    who: Name
    why: Reason


def post_erase(call: Call) -> object:
    """Remove items from everything the service keeps; a digest of each id stays."""
    asked = call.json(Erase)
    for field, words, what in (("$.who", asked.who, "a name"), ("$.why", asked.why, "a reason")):
        if any(_named(each.casefold(), words.casefold()) for each in asked.ids):
            raise FieldInvalid(field, f"expected {what} that does not name the item: it is kept")
    erased = call.worker.state.store().erasure.erase(asked.ids, who=asked.who, why=asked.why)
    return {
        "erased": [{"tombstone": each.digest, "at": each.at} for each in erased.tombstones],
        "removed": erased.removed,
        "off_disk": erased.off_disk,
    }


def _named(item_id: str, words: str) -> bool:
    """Tell whether words name an item: a short id as a word of its own, one of a single character never."""
    if len(item_id) >= SHORTEST_ANYWHERE:
        return item_id in words
    return len(item_id) > 1 and re.search(rf"(?<!\w){re.escape(item_id)}(?!\w)", words) is not None
