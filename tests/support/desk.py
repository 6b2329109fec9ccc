"""A handler over a model, and a client that speaks ASGI to it without a server."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from model_store.model import Model
from monitoring.clock import ManualClock
from monitoring.recording.recorder import Sealed
from service.access import Access
from service.handler import Handler, Reply
from service.swap import Current, declared_sources, recorder_of
from service.tally import Tally


def current_of(model: Model, *, batch_size: int = 20) -> Current:
    """Return a model as it is in service."""
    sources = declared_sources((), model.bundle.manifest.sources)
    return Current(model, recorder_of(model, sources=sources, batch_size=batch_size))


class Desk:
    """A handler with everything a test may want to look at."""

    def __init__(self, current: Current | None, *, access: Access | None = None, **limits: int) -> None:
        self.current = current
        self.tally = Tally()
        self.handler = Handler(
            current=lambda: self.current,
            access=access or Access(),
            tally=self.tally,
            clock=ManualClock(1_000.0),
            generator=np.random.default_rng(0),
            max_body_bytes=limits.pop("max_body_bytes", 64 * 1024),
            **limits,
        )

    async def send(
        self,
        body: bytes | object,
        *,
        query: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] | None = None,
        pieces: int = 1,
    ) -> Reply | None:
        """Return the handler's reply to `body`, bytes or something JSON, delivered in so many pieces."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        default = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        scope = {"headers": list(default if headers is None else headers), "query_string": query}
        size = max(1, -(-len(content) // pieces))
        parts = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
        messages = [
            {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
            for at, part in enumerate(parts)
        ]

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        return await self.handler.answer(scope, receive)

    def sealed(self) -> Sealed:
        """Return everything counted so far."""
        assert self.current is not None
        self.handler.pass_on(self.current)
        return self.current.recorder.seal(2_000.0)

    def ask(self, body: bytes | object, **options: Any) -> tuple[int, dict[str, Any]]:
        """Return status and decoded body of the reply."""
        reply = asyncio.run(self.send(body, **options))
        assert reply is not None
        return reply.status, json.loads(reply.body)
