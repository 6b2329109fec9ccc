"""What do the demo's applications send: a paced stream of real HTTP requests, with the truth kept aside."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import httpx

from service.cli.demo.errors import DemoError

ITEMS_PER_REQUEST = 16
CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Message:
    """One item on its way to the service, with the label that the service is never told."""

    id: str
    text: str
    source: str
    truth: str


@dataclass(slots=True)
class Traffic:
    """Sends messages at a steady pace and remembers when each request was answered.

    Attributes
    ----------
    sent
        Items answered with 200 so far.
    log
        (wall time, items answered so far) after every answer, in order.
    truth, flags
        Hidden label, and the classes answered as flags, by item id, in the order of the answers.
    """

    url: str
    items_per_second: float
    sent: int = 0
    log: list[tuple[float, int]] = field(default_factory=list)
    truth: dict[str, str] = field(default_factory=dict)
    flags: dict[str, frozenset[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, messages: Iterator[Message], *, until: Callable[[], bool]) -> int:
        """Send `messages` until `until()` holds or they end; returns the items sent by this call.

        Raises
        ------
        DemoError
            A request failed: the demo tolerates none.
        """
        before, requests = self.sent, _requests(messages)
        started, planned = time.monotonic(), 0
        with (
            httpx.Client(base_url=self.url, timeout=10.0, trust_env=False) as client,
            ThreadPoolExecutor(CLIENTS) as clients,
        ):
            while not until():
                wave = [request for request, _ in zip(requests, range(CLIENTS), strict=False)]
                if not wave:
                    break
                list(clients.map(lambda request: self._send_one(client, request), wave))
                planned += sum(len(request) for request in wave)
                ahead = planned / self.items_per_second - (time.monotonic() - started)
                if ahead > 0:
                    time.sleep(ahead)
        return self.sent - before

    def ids(self, start: int, stop: int | None = None) -> list[str]:
        """Return the ids of the items answered from the one of this number on, up to another."""
        return list(islice(self.truth, start, stop))

    def items_at(self, when: float) -> int:
        """Return how many items had been answered at wall time `when`."""
        return max((items for at, items in self.log if at <= when), default=0)

    def _send_one(self, client: httpx.Client, messages: Sequence[Message]) -> None:
        items = [{"text": each.text, "id": each.id, "source": each.source} for each in messages]
        try:
            response = client.post("/predict", json={"items": items})
        except httpx.TransportError as error:
            raise DemoError(f"POST /predict: no answer ({error or type(error).__name__})") from error
        if response.status_code != 200:
            raise DemoError(f"POST /predict answered {response.status_code}: {response.text[:200]}")
        with self._lock:
            self.sent += len(messages)
            self.log.append((time.time(), self.sent))
            self.truth.update((each.id, each.truth) for each in messages)
            self.flags.update(
                (each.id, frozenset(flag["class"] for flag in said["flags"]))
                for each, said in zip(messages, response.json()["predictions"], strict=True)
            )


def _requests(messages: Iterator[Message]) -> Iterator[list[Message]]:
    request: list[Message] = []
    for message in messages:
        request.append(message)
        if len(request) == ITEMS_PER_REQUEST:
            yield request
            request = []
    if request:
        yield request
