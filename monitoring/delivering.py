"""Who tells others what the outbox holds, how often is it tried, and when is it given up?"""

import logging
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from monitoring.store import Delivery, Store

log: Final = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["delivered", "failed", "given_up"]
Send: TypeAlias = Callable[[Delivery], None]

# Longer than a sender waits for an answer, or another one would tell it at the same time.
HOLD_SECONDS: Final = 60.0
FIRST_RETRY_SECONDS: Final = 5.0
LONGEST_RETRY_SECONDS: Final = 3_600.0
GIVE_UP_SECONDS: Final = 86_400.0


class NotTold(Exception):
    """The other side did not take a delivery; str() says why, in words fit for a log."""


def deliver_next(store: Store, send: Send, *, now: Callable[[], float]) -> Outcome | None:
    """Tell what is due longest and note how it went; None when nothing is due.

    A delivery is told at least once: when the process dies before the note, it is told again. It is tried
    again after 5 s, twice as long each time up to an hour, for a day.

    Parameters
    ----------
    send : callable
        Tells one delivery; raises NotTold.
    now : callable
        Returns UTC epoch seconds.
    """
    delivery = store.deliveries.take(now=now(), hold_seconds=HOLD_SECONDS)
    if delivery is None:
        return None
    try:
        send(delivery)
    except NotTold as error:
        return _note_failure(store, delivery, str(error), at=now())
    store.deliveries.delivered(delivery, at=now())
    return "delivered"


def retry_after_seconds(attempts: int) -> float:
    """Return how long to wait after so many attempts.

    Examples
    --------
    >>> [retry_after_seconds(n) for n in (1, 2, 3, 10, 99)]
    [5.0, 10.0, 20.0, 2560.0, 3600.0]
    """
    return min(FIRST_RETRY_SECONDS * 2.0 ** min(attempts - 1, 32), LONGEST_RETRY_SECONDS)


def _note_failure(store: Store, delivery: Delivery, reason: str, *, at: float) -> Outcome:
    if at - delivery.created_at >= GIVE_UP_SECONDS:
        store.deliveries.give_up(delivery, at=at, reason=reason)
        log.error("%s of %s was not told in a day: %s; given up", delivery.event, delivery.subject, reason)
        return "given_up"
    wait = retry_after_seconds(delivery.attempts)
    store.deliveries.failed(delivery, reason=reason, next_at=at + wait)
    log.warning(
        "%s of %s was not told: %s; tried again in %.0f s", delivery.event, delivery.subject, reason, wait
    )
    return "failed"
