"""What does a labeler hold: some items of a batch, for some time, and nobody else has them meanwhile?"""

import hashlib
from dataclasses import dataclass

from monitoring.waves.batches import BatchItem


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


def lease_id(batch_id: str, holder: str, idempotency_key: str) -> str:
    """Return the id of the lease that a request makes: the same however often it is sent."""
    parts = "\0".join(("lease", batch_id, holder, idempotency_key))
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()[:16]
