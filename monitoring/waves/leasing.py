"""What does a labeler hold: some items of a batch, for some time, and nobody else has them meanwhile?"""

import hashlib
from dataclasses import dataclass
from typing import Final

from monitoring.waves.batches import BatchItem

# So much of a lease's id tells whose it is and under which key, the rest what was asked for. Ids that earlier
# releases gave have no rest.
KEY_CHARACTERS: Final = 16
_ASKED_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True)
class ItemLease:
    """Items of a batch in somebody's hands until `expires_at`, UTC epoch seconds, in the order of the queue.

    Items that were labelled, skipped or given back are no longer among them.
    """

    id: str
    batch_id: str
    holder: str
    leased_at: float
    expires_at: float
    items: tuple[BatchItem, ...]


def lease_id(batch_id: str, holder: str, idempotency_key: str, *, size: int, seconds: float) -> str:
    """Return the id of the lease that a request makes: the same however often it is sent.

    Its first `KEY_CHARACTERS` are the same whatever somebody asks of a batch under one key.
    """
    key = _digest("lease", batch_id, holder, idempotency_key)[:KEY_CHARACTERS]
    return key + _digest(key, str(size), repr(float(seconds)))[:_ASKED_CHARACTERS]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
