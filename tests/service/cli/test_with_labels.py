"""`seamark fit` and `refit` with the labels that came back: trained, held apart, proposed."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model_store.bundles.bundle import read_bundle, read_seen
from model_store.data.rows import Rows
from model_store.data.signatures import minhash
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target
from model_store.store import ModelStore
from model_store.training.fit import fit
from service.settings import Settings
from tests.support.command import Command, runner
from tests.support.house import House
from tests.support.synthetic import synthetic_rows

COUNTS = {"billing": 220, "delivery": 260, "login": 90}
FIT = ("fit", "--label", "label", "--text", "text", "--name", "t", "--imbalance", "balanced")


@dataclass
class Office:
    """A service whose traffic is worded a little differently from its training file, and its labelers."""

    house: House
    truth: dict[str, str]
    root: Path

    def day(self, seed: int) -> None:
        """Let a day pass, and answer the traffic of the next."""
        self.house.clock.advance(90_000.0)
        self.house.settle()
        rows = synthetic_rows({"billing": 250, "delivery": 250, "login": 150}, seed=seed, clarity=0.3)
        self.truth |= dict(zip(rows.texts, rows.labels or (), strict=True))
        self.house.answer(rows.texts)

    def batch(self, key: str, **options: Any) -> str:
        """Make a batch and return its id."""
        body = {"by": "ada", "watched": ["login"], **options}
        made = self.house.local.post("/v1/batches", json=body, headers={"Idempotency-Key": key})
        assert made.status_code == 200, made.text
        return str(made.json()["id"])

    def items(self, batch: str) -> list[dict[str, Any]]:
        """Return the items of a batch."""
        lines = self.house.local.get(f"/v1/batches/{batch}/items").text.splitlines()
        return [json.loads(line) for line in lines]

    def label(self, batch: str, say: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> None:
        """Send a label for each item: the truth, or what `say` makes of it."""
        rows = [
            {"key": item["key"], "annotator": "ada"}
            | (say(item) if say else {"label": self.truth[item["text"]]})
            for item in self.items(batch)
        ]
        sent = self.house.local.post(f"/v1/batches/{batch}/labels", json={"labels": rows})
        assert (sent.status_code, sent.json()["rejected"]) == (200, [])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with a version in force and, beside it, the file it was fitted on."""
    root = tmp_path_factory.mktemp("trained")
    rows = synthetic_rows(COUNTS, seed=1)
    store, claims = ModelStore(root / "models"), Claims((Target("login", recall=0.85),))
    done = fit(rows, name="t", store=store, claims=claims, imbalance="balanced")
    store.promote("t", done.version, who="tests", why="first", at=0.0)
    write(root / "train.csv", rows)
    return root


def write(path: Path, rows: Rows) -> None:
    """Write texts and labels to a file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(rows.texts, rows.labels or (), strict=True)])


@pytest.fixture(scope="module")
def office(trained: Path) -> Iterator[Office]:
    """Return a service with a labelled batch of 120 items, 18 of them explored."""
    given = {"baseline_items": 500, "baseline_seconds": 0.0, "batch_size": 120, "labels_per_day": 5_000}
    house = House(Settings(store=trained / "models", state=trained / "state", **given))
    office = Office(house, {}, trained)
    office.day(9)
    first = office.batch("first")
    office.label(first)
    yield office
    house.worker.state.close()


@pytest.fixture
def seamark(office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command against this service and its store."""
    monkeypatch.setenv("SEAMARK_STORE", str(office.root / "models"))
    monkeypatch.setattr("service.cli.client.httpx.Client", lambda **_: office.house.local)
    return runner(monkeypatch, capsys)


def fitted(seamark: Command, office: Office, *options: object) -> dict[str, Any]:
    """Return what a fit with labels says as JSON."""
    code, out, err = seamark(*FIT, office.root / "train.csv", "--with-labels", "--json", *options)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def login_of(comparison: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of the claim of the rarest class."""
    claims: dict[str, dict[str, Any]] = {each["class"]: each for each in comparison["claims"]}
    return claims["login"]


def test_a_fit_trains_on_chosen_labels_and_proposes(seamark: Command, office: Office) -> None:
    """Explored labels are the evidence; targets stay as they were asked; the proposal is kept."""
    done = fitted(seamark, office, "--by", "ada", "--why", "first batch")
    proposal = done["proposal"]
    labels = proposal["comparison"]["labels"]
    strata = [item["stratum"] for item in office.items(labels["batches"][0])]
    assert (labels["labels"], labels["explored"]) == (len(strata), strata.count("exploration"))
    assert labels["training"] == strata.count("certainty") > 80
    assert labels["proving"] == labels["explored"] == 18
    assert (proposal["base"], proposal["candidate"]) == ("1", done["bundle"]["version"])
    assert (proposal["state"], proposal["by"], proposal["why"]) == ("open", "ada", "first batch")
    shown = {kind["name"]: kind for kind in proposal["comparison"]["evidence"]}
    assert shown["exploration"]["rows"] == 18
    assert shown["validation"]["rows"] > 50
    login = login_of(proposal["comparison"])
    assert (login["declared"], login["target"]) == (True, {"recall": 0.85})
    assert login["new"]["status"] != "certified"
    assert login["needs"]["positives"] == 15 - login["explored_positives"]
    assert office.house.local.get(f"/v1/proposals/{proposal['id']}").json() == proposal


def test_explored_labels_are_not_in_what_was_fitted(seamark: Command, office: Office) -> None:
    """The bundle recognises the chosen ones and none of the explored ones."""
    done = fitted(seamark, office)
    seen = {row.tobytes() for row in read_seen(read_bundle(Path(done["bundle"]["path"]))).signatures}
    (batch,) = done["proposal"]["comparison"]["labels"]["batches"]
    items = office.items(batch)
    known = [row.tobytes() in seen for row in minhash([item["text"] for item in items])]
    explored = [item["stratum"] == "exploration" for item in items]
    assert not any(k for k, e in zip(known, explored, strict=True) if e)
    assert sum(k for k, e in zip(known, explored, strict=True) if not e) > 80


def test_a_refit_keeps_the_graph(seamark: Command, office: Office) -> None:
    """Thresholds rest on explored labels where these certify one; everything else is as before."""
    code, out, err = seamark("refit", "t", "--with-labels", "--json")
    assert (code, err) == (0, "")
    done = json.loads(out)
    old, new = (
        read_bundle(office.root / "models" / "t" / version).manifest
        for version in ("1", done["bundle"]["version"])
    )
    for file in ("model.onnx", "front_end.npz", "calibration.json", "seen.npz"):
        assert new.files[file] == old.files[file]
    assert done["proposal"]["kind"] == "refit"
    assert done["proposal"]["comparison"]["labels"]["training"] == 0
    assert office.house.local.get("/v1/proposals?state=open").json()["proposals"][0]["kind"] == "refit"


def test_a_proposal_says_what_is_next(seamark: Command, office: Office) -> None:
    """In tables, and how to put it in force; a rejected one says so."""
    code, out, err = seamark(*FIT, office.root / "train.csv", "--with-labels")
    assert (code, err) == (0, "")
    assert "explored labels, a sample of the traffic" in out
    assert "no alarm says that traffic has moved" in out
    identity = office.house.local.get("/v1/proposals?state=open").json()["proposals"][0]["id"]
    assert f"seamark proposal wave {identity}" in out
    code, listed, _ = seamark("proposal", "list")
    assert (code, identity in listed, "superseded" in listed) == (0, True, True)
    told, _, beside = seamark("proposal", "show", identity)[1].rpartition("\n\n")
    assert told in out
    assert "no item was answered by both versions yet" in beside
    assert seamark("proposal", "reject", identity, "--why", "too few labels")[0] == 0
    assert "nothing: it was rejected by" in seamark("proposal", "show", identity)[1]
    code, _, err = seamark("proposal", "show", "nothing")
    assert (code, "proposal 'nothing' does not exist" in err) == (1, True)


def test_old_rows_count_when_somebody_says_so(seamark: Command, office: Office) -> None:
    """The declaration is kept with the proposal."""
    done = fitted(seamark, office, "--pool")
    assert done["proposal"]["comparison"]["labels"]["pooled"] is True
    statuses = {each["class"]: each["new"]["status"] for each in done["proposal"]["comparison"]["claims"]}
    assert statuses["billing"] == "certified"


def test_a_draw_with_a_gap_proves_nothing(seamark: Command, office: Office) -> None:
    """A skipped explored item: the others still estimate, and the next step names the batch."""
    office.day(10)
    batch = office.batch("gap", size=60)
    explored = next(item["key"] for item in office.items(batch) if item["stratum"] == "exploration")
    office.label(
        batch,
        lambda item: {"skipped": True} if item["key"] == explored else {"label": office.truth[item["text"]]},
    )
    done = fitted(seamark, office, "--batch", batch)
    labels = done["proposal"]["comparison"]["labels"]
    assert (labels["proving"], labels["explored"]) == (0, 8)
    _, out, _ = seamark("proposal", "show", done["proposal"]["id"])
    assert f"batch {batch}: 1 of its 9 explored items have no label" in out


def test_a_proposal_gets_its_wave(seamark: Command, office: Office) -> None:
    """Explored items and nothing else, as many as can be drawn; labelled, they prove with those before."""
    office.day(12)
    before = fitted(seamark, office)["proposal"]
    assert before["comparison"]["explored_labels_needed"] > 18
    code, out, err = seamark("proposal", "wave", before["id"], "--json")
    assert (code, err) == (0, "")
    made = json.loads(out)
    items = office.items(made["id"])
    assert {item["stratum"] for item in items} == {"exploration"}
    assert (len(items), made["manifest"]["proposal"]) == (18, before["id"])
    (note,) = made["notes"]
    assert note.endswith("no more than 18 can be drawn of the last day so far, and more traffic gives more")
    office.label(made["id"])
    after = fitted(seamark, office)["proposal"]["comparison"]
    assert after["labels"]["proving"] == before["comparison"]["labels"]["proving"] + 18
    found = sum(office.truth[item["text"]] == "login" for item in items)
    was, now = (login_of(comparison) for comparison in (before["comparison"], after))
    assert now["explored_positives"] == was["explored_positives"] + found
    assert now["needs"]["positives"] == max(was["needs"]["positives"] - found, 0)


def test_none_of_these_trains_nothing_and_is_counted(seamark: Command, office: Office) -> None:
    """It is of no class; among explored items it still makes a false alarm a false alarm."""
    office.day(11)
    batch = office.batch("none", size=60)
    office.label(batch, lambda _: {"label": "none_of_these"})
    labels = fitted(seamark, office, "--batch", batch)["proposal"]["comparison"]["labels"]
    assert (labels["of_no_class"], labels["training"]) == (labels["labels"], 0)


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        ({"login": "sign-in"}, "the rows have other classes"),
        ({}, "batch 'b' does not exist; list them with `seamark batch list`"),
    ],
    ids=["other classes", "unknown batch"],
)
def test_what_does_not_go_together_is_one_line(
    seamark: Command, office: Office, tmp_path: Path, rename: dict[str, str], said: str
) -> None:
    """Nothing is trained for it."""
    rows = synthetic_rows(COUNTS, seed=1)
    names = tuple(rename.get(label, label) for label in rows.labels or ())
    write(tmp_path / "other.csv", Rows(texts=rows.texts, labels=names))
    options = () if rename else ("--batch", "b")
    code, out, err = seamark(*FIT, tmp_path / "other.csv", "--with-labels", *options)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err


def test_another_version_in_force_refuses_the_proposal(office: Office, seamark: Command) -> None:
    """It would compare with what nobody serves; the digest says whether it is the version that was meant."""
    done = fitted(seamark, office)
    proposal = done["proposal"]
    body = {
        "by": "ada",
        "why": "again",
        "kind": "fit",
        "base": "1",
        "candidate": "1",
        "digest": "0" * 64,
        "comparison": proposal["comparison"],
    }
    refused = office.house.local.post("/v1/proposals", json=body)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:seamark:problem:proposal-refused")
    assert "is another one than was proposed" in refused.json()["detail"]
    missing = office.house.local.post("/v1/proposals", json=body | {"candidate": "99"})
    assert missing.status_code == 404
