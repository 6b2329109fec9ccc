"""How is an item erased on somebody's request?"""

from typing import Annotated

from msgspec import Meta, Struct

from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.models import Name, Reason
from service.values import MAX_ERASED, MAX_ERASED_ID

SHORTEST_QUOTED = 4  # a shorter id may be part of an ordinary word

ItemId = Annotated[str, Meta(min_length=1, max_length=MAX_ERASED_ID)]


class Erase(Struct, frozen=True, forbid_unknown_fields=True):
    """Which items go, by the id they were sent with or the key they have in batches; who erases, and why."""

    ids: Annotated[list[ItemId], Meta(min_length=1, max_length=MAX_ERASED)]
    who: Name
    why: Reason


def post_erase(call: Call) -> object:
    """Remove items from everything the service keeps; a digest of each id stays."""
    asked = call.json(Erase)
    if any(len(each) >= SHORTEST_QUOTED and each in asked.why for each in asked.ids):
        raise FieldInvalid("$.why", "expected a reason that does not name the item: reasons are kept")
    erased = call.worker.state.store().erasure.erase(asked.ids, who=asked.who, why=asked.why)
    return {
        "erased": [{"tombstone": each.digest, "at": each.at} for each in erased.tombstones],
        "removed": erased.removed,
        "off_disk": erased.off_disk,
    }
