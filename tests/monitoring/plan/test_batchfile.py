"""Labelers see neither slice nor score; the manifest keeps both by key, with digests."""

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np

from monitoring.plan.batchfile import COLUMNS, batch_bytes, manifest_bytes
from monitoring.plan.earlier import Labelled, read_manifest
from monitoring.plan.planning import Asked, make_plan
from monitoring.plan.pool import Pool, read_pool
from monitoring.waves.cells import unguard

ASKED = Asked(budget=4, wave=4, rare=("fraud",), chosen_by="rules 1", seed=7)


def pool_of(tmp_path: Path) -> Pool:
    """Return a pool with a text that a spreadsheet would run."""
    path = tmp_path / "pool.csv"
    path.write_text(
        'id,text\na,=1+1 is a formula\n-b,my card was stolen\nc,"an ""ü"", quoted"\nd,hello there\n'
    )
    return read_pool(path, text="text", id_="id")


def made(pool: Pool) -> tuple[bytes, bytes, bytes]:
    """Return the CSV, the JSONL and the manifest of a wave of all the pool."""
    plan = make_plan(pool, ASKED, lambda texts: np.ones((len(texts), 1)), labelled=Labelled(), earlier=())
    assert plan.wave is not None
    content = batch_bytes(pool, plan.wave, "csv")
    kept = manifest_bytes(pool, plan, plan.wave, ASKED, batch="batch.csv", content=content)
    return content, batch_bytes(pool, plan.wave, "jsonl"), kept


def test_a_formula_is_guarded_and_nothing_else_changes(tmp_path: Path) -> None:
    """In CSV; JSON Lines needs no guard."""
    pool = pool_of(tmp_path)
    content, lines, _ = made(pool)
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert tuple(rows[0]) == COLUMNS == ("key", "id", "source", "text", "label")
    assert {row["text"] for row in rows} >= {"'=1+1 is a formula", 'an "ü", quoted'}
    assert {row["key"] for row in rows} == {"a", "'-b", "c", "d"}
    assert {row["label"] for row in rows} == {""}
    plain = [{name: unguard(cell) for name, cell in row.items()} for row in rows]
    assert [json.loads(line) for line in lines.decode().splitlines()] == plain


def test_the_manifest_says_what_labelers_must_not_know(tmp_path: Path) -> None:
    """By key; it can be read back, and its digests are those of the files."""
    pool = pool_of(tmp_path)
    content, _, kept = made(pool)
    said = json.loads(kept)
    assert said["batch"] == {"file": "batch.csv", "sha256": hashlib.sha256(content).hexdigest(), "items": 4}
    assert said["pool"]["sha256"] == hashlib.sha256(pool.path.read_bytes()).hexdigest()
    assert (said["seed"], said["got"]["slices"]) == (7, {"rare": 2, "spread": 1, "explore": 1})
    explored = [each for each in said["items"].values() if each["slice"] == "explore"]
    assert [(each["stratum"], each["inclusion_probability"], each["weight"]) for each in explored] == [
        ("exploration", 0.25, 4.0)
    ]
    path = tmp_path / "manifest.json"
    path.write_bytes(kept)
    assert set(read_manifest(path).items) == set(pool.keys)


def test_the_same_input_makes_the_same_bytes(tmp_path: Path) -> None:
    """All of them."""
    assert made(pool_of(tmp_path)) == made(pool_of(tmp_path))
