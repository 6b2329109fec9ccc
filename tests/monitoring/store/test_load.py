"""How much work labelers have."""

from collections.abc import Callable

from monitoring.clock import ManualClock
from monitoring.store import Load, NewBatch, Store

IDLE = Load(open_batches=0, items_today=0)


def test_the_daily_load_begins_at_midnight_utc(
    store: Store, batch: Callable[..., NewBatch], clock: ManualClock
) -> None:
    """Items handed out yesterday are not today's."""
    store.closing.add_by_hand(batch("b1", ["x", "y"]), load=IDLE, who="ops")
    assert store.batches.load(now=clock.now() + 43_199) == Load(1, 2)
    assert store.batches.load(now=clock.now() + 43_200) == Load(1, 0)
