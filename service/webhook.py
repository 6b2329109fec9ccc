"""How is another system told what happened: a signed POST, as Standard Webhooks describes it.

The signature is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body` (standardwebhooks.com), so that
the libraries of that name check it. The id is the same at every attempt.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from monitoring.delivering import NotTold
from monitoring.store import Delivery
from service.values import signing_key

TIMEOUT_SECONDS: Final = 10.0


class Webhook:
    """An address to tell, and the secret it knows us by.

    Parameters
    ----------
    secret
        `whsec_` and the base64 of at least 24 random bytes.
    now
        Returns UTC epoch seconds, for the timestamp that keeps an old message from being told again.
    """

    def __init__(
        self, url: str, secret: str, *, now: Callable[[], float], transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url, self._key, self._now = url, signing_key(secret), now
        # No redirect is followed: the address is the operator's word, not the answer's.
        self._http = httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False, transport=transport
        )

    def send(self, delivery: Delivery) -> None:
        """Tell one delivery; raise NotTold unless the answer is 2xx. Of an answer only the status is read."""
        body = payload(delivery)
        try:
            with self._http.stream(
                "POST", self._url, content=body, headers=self._headers(delivery, body)
            ) as answer:
                if not answer.is_success:
                    raise NotTold(f"the webhook answered {answer.status_code}")
        except httpx.HTTPError as error:
            # Its type only: a message may quote the address, which may hold a password.
            raise NotTold(f"the webhook did not answer: {type(error).__name__}") from None

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        name, timestamp = f"{delivery.event}:{delivery.subject}", int(self._now())
        return {
            "Content-Type": "application/json",
            "User-Agent": "seamark",
            "webhook-id": name,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._key, name, timestamp, body),
        }


def payload(delivery: Delivery) -> bytes:
    """Return the body, the same at every attempt."""
    at = datetime.fromtimestamp(delivery.created_at, UTC).isoformat(timespec="milliseconds")
    content: dict[str, Any] = {
        "type": delivery.event,
        "timestamp": at.replace("+00:00", "Z"),
        "data": dict(delivery.body),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def signature(key: bytes, name: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`."""
    digest = hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
