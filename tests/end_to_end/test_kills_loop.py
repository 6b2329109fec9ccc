"""What survives when workers, the watcher and clients are killed while people label and promote."""

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from model_store import ModelStore
from model_store.promotions import request_id
from monitoring.clock import SystemClock
from monitoring.proposing import Proposal, proposal_id
from monitoring.store import open_store
from tests.support import labeler
from tests.support.labeler import lines_of
from tests.support.running import RunningService, eventually

pytestmark = pytest.mark.slow

Start = Callable[..., RunningService]
KILLS = {"client": 140, "worker": 40, "watcher": 20}
CLIENTS = 3
MOST_SECONDS = 1_500
WORDS = [
    a + b for a in ("ka", "lo", "mi", "re", "su", "to", "vu", "ne") for b in ("bar", "den", "fol", "gim")
]
SETTINGS = {
    "SEAMARK_WORKERS": "3",
    "SEAMARK_BASELINE_ITEMS": "500",
    "SEAMARK_LEASE_SECONDS": "1",
    "SEAMARK_BATCH_SIZE": "50",
    "SEAMARK_MAX_OPEN_BATCHES": "4",
    "SEAMARK_LABELS_PER_DAY": "1000000",
}


class Traffic:
    """Texts that resemble nothing that was sent before, a few a second, whoever dies."""

    def __init__(self, service: RunningService) -> None:
        self._service, self._random = service, random.Random(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=15)

    def _run(self) -> None:
        with httpx.Client(base_url=self._service.base_url, timeout=10.0, trust_env=False) as client:
            while not self._stop.wait(0.1):
                items = [{"text": " ".join(self._random.choices(WORDS, k=14))} for _ in range(8)]
                try:
                    client.post("/predict", json={"items": items})
                except httpx.TransportError:
                    continue


class Client:
    """A labeler's process; killed, it comes back and goes on from its journal."""

    def __init__(self, service: RunningService, directory: Path, number: int) -> None:
        self.journal = directory / f"client-{number}.jsonl"
        self._service, self._number, self._lives = service, number, 0
        self._log = (directory / f"client-{number}.log").open("ab")
        self._start()

    def _start(self) -> None:
        self._lives += 1
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(Path(labeler.__file__)),
                self._service.base_url,
                str(self.journal),
                f"labeler-{self._number}",
                str(1_000 * self._number + self._lives),
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def process(self) -> psutil.Process:
        """Its present process."""
        return psutil.Process(self._process.pid)

    def is_busy(self) -> bool:
        """Whether it is past its own start: it has asked something in this life."""
        assert self._process.poll() is None, (self.journal.with_suffix(".log")).read_text()[-2000:]
        return sum(line["what"] == "ready" for line in lines_of(self.journal)) == self._lives

    def kill(self, *, again: bool = True) -> str:
        """Kill it; return what it had asked and not been told, `idle` if nothing."""
        self._process.kill()
        self._process.wait(timeout=5)
        lines = lines_of(self.journal)
        last = lines[-1] if lines else {"what": "ready"}
        if again:
            self._start()
        else:
            self._log.close()
        return str(last["kind"]) if last["what"] in ("asked", "cut", "failed") else "idle"


@contextmanager
def reading(service: RunningService) -> Iterator[sqlite3.Connection]:
    """Open the state to read one consistent moment."""
    path = service.state / "seamark.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as state:
        state.execute("begin")
        yield state


def faults(state: sqlite3.Connection) -> dict[str, list[Any]]:
    """Return what must never be: everything of one moment, each list empty."""
    return {
        "item in two open batches": state.execute(
            "select key from batch_items where state = 'open' group by key having count(*) > 1"
        ).fetchall(),
        "half a batch": state.execute(
            "select batches.batch_id from batches left join batch_items using (batch_id) "
            "group by batches.batch_id having count(batch_items.key) != batches.size"
        ).fetchall(),
        "closed batch with open items, or the other way round": state.execute(
            "select batch_id from batches where (state = 'open') != exists "
            "(select 1 from batch_items as i where i.batch_id = batches.batch_id and i.state = 'open')"
        ).fetchall(),
        "label doubled": state.execute(
            "select annotation_id from labels group by annotation_id having count(*) > 1"
        ).fetchall(),
        "more holders than places": state.execute(
            "select item_leases.batch_id, key from item_leases join batches using (batch_id) "
            "group by item_leases.batch_id, key having count(*) > overlap or max(place) >= overlap"
        ).fetchall(),
        "promotion followed twice": state.execute(
            "select json_extract(details, '$.seq') from audit where action in ('promote', 'rollback') "
            "group by 1 having count(*) > 1"
        ).fetchall(),
    }


def nothing_wrong(service: RunningService) -> None:
    """Check one moment of the state."""
    with reading(service) as state:
        assert not any(faults(state).values()), faults(state)


def ready_workers(service: RunningService) -> list[psutil.Process]:
    """Return the workers that have told which version they run."""
    try:
        told = {each["pid"] for each in service.client.get("/v1/models").json()["workers"]}
    except (httpx.TransportError, ValueError, KeyError):
        return []
    return [each for each in service.processes("Seamark") if each.pid in told]


def talks_to(worker: psutil.Process, client: Client) -> bool:
    """Whether a connection of the client ends at the worker."""
    try:
        held = {each.raddr for each in worker.net_connections("tcp") if each.raddr}
        return any(each.laddr in held for each in client.process.net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


def told_of(clients: list[Client], kind: str) -> list[dict[str, Any]]:
    """Return the acknowledged answers to one kind of request, with what was asked."""
    found = []
    for client in clients:
        lines = lines_of(client.journal)
        asked = {line["ask"]: line for line in lines if line["what"] == "asked"}
        found += [
            {**line, "body": asked[line["ask"]]["body"], "key": asked[line["ask"]]["key"]}
            for line in lines
            if line["what"] == "told" and line["kind"] == kind and line["status"] == 200
        ]
    return found


def proposed(service: RunningService) -> str:
    """Propose version 2, as a fit with labels would; return the proposal's id."""
    store = open_store(service.state, clock=SystemClock())
    made = store.proposals.add(
        Proposal(
            id=proposal_id("tickets", "2"),
            model_name="tickets",
            base_version="1",
            candidate_version="2",
            kind="fit",
            alarm_id=None,
            state="open",
            created_at=time.time(),
            created_by="tests",
            why="a second version",
            comparison={},
        )
    )
    store.close()
    return made.id


def kill_all(service: RunningService, clients: list[Client]) -> Counter[str]:
    """Kill by the list, each time somebody who is at work; return who was killed doing what."""
    chance, left, killed = random.Random(7), dict(KILLS), Counter[str]()
    deadline = time.monotonic() + MOST_SECONDS
    while any(left.values()):
        assert time.monotonic() < deadline, (left, killed)
        time.sleep(chance.uniform(0.02, 0.3))
        kind = chance.choices(list(left), weights=list(left.values()))[0]
        if kind == "client":
            busy = [client for client in clients if client.is_busy()]
            if not busy:
                continue
            killed[f"client {chance.choice(busy).kill()}"] += 1
        elif kind == "worker":
            workers = ready_workers(service)
            if len(workers) < 2:
                continue
            # One that somebody has a request with, if there is one.
            at_work = [each for each in workers if any(talks_to(each, client) for client in clients)]
            chance.choice(at_work or workers).kill()
            killed["worker"] += 1
        else:
            watchers = service.processes("Monitor")
            if not watchers or time.time() - watchers[0].create_time() < 3:
                continue
            watchers[0].kill()
            killed["watcher"] += 1
        left[kind] -= 1
        if sum(left.values()) % 10 == 0:
            nothing_wrong(service)
    return killed


def test_two_hundred_kills_lose_no_label_and_halve_nothing(start_service: Start, tmp_path: Path) -> None:
    """Killed during lease, label, promote, rollback: what was acknowledged is there, once."""
    service = start_service(SETTINGS)
    service.client.timeout = httpx.Timeout(20.0)
    proposal = proposed(service)
    with Traffic(service):
        eventually(lambda: can_make_batch(service), within=60, what="a first batch")
        clients = [Client(service, tmp_path, number) for number in range(CLIENTS)]
        try:
            killed = kill_all(service, clients)
        finally:
            for client in clients:
                client.kill(again=False)
        history = ModelStore(service.models).history("tickets")
        eventually(lambda: followed(service) == len(history), within=60, what="every promotion followed")
    assert service.stop() == 0
    nothing_wrong(service)
    labels = check_labels(service, clients)
    leases = check_leases(service, clients)
    promotions = check_promotions(service, clients)
    cut, failed = lines_about(clients, "cut"), lines_about(clients, "failed")
    rollbacks = check_rollbacks(service, clients)
    told = {"labels": labels, "leases": leases, "promotions": promotions, "rollbacks": rollbacks}
    figures = {"killed": killed, "cut": cut, "failed": failed, "acknowledged": told}
    (tmp_path / "figures.json").write_text(json.dumps(figures, indent=2))
    with reading(service) as state:
        (decided,) = state.execute("select state from proposals where proposal_id = ?", [proposal]).fetchone()
    assert decided == "promoted"
    assert sum(killed.values()) == 200
    assert min(labels, leases, promotions) > 100
    assert rollbacks > 20
    for kind in ("lease", "label", "promote", "rollback"):
        assert killed[f"client {kind}"] > 0, killed
    assert sum(cut.values()) > 20


def can_make_batch(service: RunningService) -> bool:
    """Whether there is traffic enough for a batch; it is made then."""
    return service.client.post("/v1/batches", json={"by": "kim", "size": 10}).status_code == 200


def followed(service: RunningService) -> int:
    """Return how many promotions the state knows."""
    with reading(service) as state:
        (n,) = state.execute("select count(*) from audit where action in ('promote', 'rollback')").fetchone()
    return int(n)


def check_labels(service: RunningService, clients: list[Client]) -> int:
    """Check that every acknowledged label is stored once, as it was sent, and no other; return how many."""
    with reading(service) as state:
        stored = {
            row[0]: row[1:]
            for row in state.execute("select annotation_id, batch_id, key, label, annotator from labels")
        }
    sent = {
        row["annotation_id"]: (line["path"].split("/")[3], row["key"], row["label"], row["annotator"])
        for client in clients
        for line in lines_of(client.journal)
        if line["what"] == "asked" and line["kind"] == "label"
        for row in line["body"]["labels"]
    }
    told = told_of(clients, "label")
    for each in told:
        (row,) = each["body"]["labels"]
        assert each["reply"]["accepted"] + each["reply"]["repeated"] == 1, each
        assert stored[row["annotation_id"]] == sent[row["annotation_id"]]
    assert stored.keys() <= sent.keys()
    assert all(stored[each] == sent[each] for each in stored)
    return len(told)


def check_leases(service: RunningService, clients: list[Client]) -> int:
    """Check that no moment saw more people holding an item than its batch asks for; return how many leases.

    A holder's time ends at the latest with the lease, and at the earliest when they send a label.
    """
    with reading(service) as state:
        overlap = dict(state.execute("select batch_id, overlap from batches").fetchall())
    spoken: dict[tuple[str, str], list[float]] = {}
    for client in clients:
        for line in lines_of(client.journal):
            if line["what"] == "asked" and line["kind"] == "label":
                (row,) = line["body"]["labels"]
                spoken.setdefault((row["annotator"], row["key"]), []).append(line["at"])
    held: dict[tuple[str, str], list[tuple[float, int]]] = {}
    told = [each["reply"] for each in told_of(clients, "lease") if each["reply"]["lease"]]
    for lease in told:
        for item in lease["items"]:
            said = [at for at in spoken.get((lease["who"], item["key"]), ()) if at > lease["leased_at"]]
            end = min([lease["expires_at"], *said])
            held.setdefault((lease["batch"], item["key"]), []).extend([(lease["leased_at"], 1), (end, -1)])
    for (batch, key), moments in held.items():
        holders = 0
        for _, change in sorted(moments):
            holders += change
            assert holders <= overlap[batch], (batch, key, moments)
    return len(told)


def lines_about(clients: list[Client], what: str) -> Counter[str]:
    """Return how often a request of each kind ended so."""
    return Counter(
        line["kind"] for client in clients for line in lines_of(client.journal) if line["what"] == what
    )


def check_promotions(service: RunningService, clients: list[Client]) -> int:
    """Check that each promotion was done whole or not at all: pointer, history and state say the same."""
    history = ModelStore(service.models).history("tickets")
    assert [each.seq for each in history] == list(range(1, len(history) + 1))
    before = [None, *(each.to_version for each in history)]
    assert [each.from_version for each in history] == before[:-1]
    known = {(each.seq, each.to_version, each.who) for each in history}
    told = told_of(clients, "promote")
    for each in told:
        reply = each["reply"]
        assert (reply["seq"], reply["to_version"], reply["who"]) in known
    with reading(service) as state:
        rows = state.execute(
            "select json_extract(details, '$.seq'), model_key, who from audit "
            "where action in ('promote', 'rollback') order by 1"
        ).fetchall()
    assert rows == [(each.seq, f"tickets@{each.to_version}", each.who) for each in history]
    return len(told)


def check_rollbacks(service: RunningService, clients: list[Client]) -> int:
    """Check that no request rolled back twice, and that what was acknowledged is what it did."""
    history = ModelStore(service.models).history("tickets")
    by_request = Counter(each.request for each in history if each.action == "rollback")
    assert set(by_request.values()) <= {1}
    told = told_of(clients, "rollback")
    for each in told:
        (done,) = (one for one in history if one.request == request_id("tickets", each["key"]))
        assert each["reply"] == done.to_json()
    return len(told)
