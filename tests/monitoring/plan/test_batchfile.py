"""Labelers see neither slice nor score, in whatever form; the manifest keeps both by key, with digests."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.data.csvfile import Progress
from monitoring.errors import PlanRefused
from monitoring.handover import FORMS, Form
from monitoring.plan.ahead import Asked
from monitoring.plan.batchfile import files_of
from monitoring.plan.choose import Wave
from monitoring.plan.earlier import MANIFEST, read_manifest
from monitoring.plan.labelled import Labelled, read_labelled
from monitoring.plan.planning import Plan, make_plan
from monitoring.plan.pool import Pool, read_pool
from monitoring.plan.signs import Signs

ASKED = Asked(
    budget=4,
    wave=4,
    rare=("fraud",),
    chosen_by="rules 1",
    seed=7,
    classes=("fraud", "other"),
    caps={"all": 1.0},
)
HIDDEN = ("slice", "score", "rare")


def pool_of(tmp_path: Path) -> Pool:
    """Return a pool with a text that a spreadsheet would run."""
    path = tmp_path / "pool.csv"
    path.write_text(
        'id,text\na,=1+1 is a formula\n-b,my card was stolen\nc,"an ""ü"", quoted"\nd,hello there\n'
    )
    return read_pool(path, text="text", id_="id")


def everything(texts: Sequence[str], _progress: Progress) -> Signs:
    """Return a hit for every text."""
    return Signs(np.ones((len(texts), 1)), {"keywords 1 of class 'fraud': x": len(texts)})


def planned(pool: Pool) -> tuple[Plan, Wave]:
    """Return a plan whose wave is all of the pool."""
    plan = make_plan(pool, ASKED, everything, labelled=Labelled(), earlier=())
    assert plan.wave is not None
    return plan, plan.wave


def made(pool: Pool, form: str = "csv", asked: Asked = ASKED) -> Mapping[str, bytes]:
    """Return the files of a wave of all the pool."""
    return files_of(pool, *planned(pool), asked, form)


def kept(files: Mapping[str, bytes]) -> Any:
    """Return what the manifest says."""
    return json.loads(files[MANIFEST])


@pytest.mark.parametrize("form", FORMS)
def test_each_form_says_nothing_that_leads_a_labeler(tmp_path: Path, form: str) -> None:
    """Its settings have the classes, the manifest its digests; a sheet nobody filled in has no labels."""
    if not FORMS[form].available:
        pytest.skip(f"{FORMS[form].needs} is not installed")
    pool = pool_of(tmp_path)
    files = made(pool, form)
    found, said = FORMS[form], kept(files)
    names = [f"batch.{part.ending}" for part in (found.items, found.settings) if part is not None]
    assert list(files) == [*names, MANIFEST]
    for name in names:
        digest = hashlib.sha256(files[name]).hexdigest()
        assert said["files"][name] == {"bytes": len(files[name]), "sha256": digest}
        assert not any(f'"{word}"'.encode() in files[name] for word in HIDDEN)
    if found.settings is not None and form != "prodigy":
        assert b"other" in files[names[1]]
    path = tmp_path / names[0]
    path.write_bytes(files[names[0]])
    if form in ("csv", "jsonl", "parquet"):
        back = read_labelled(path, text="text", label="label", source=None, id_=None)
        assert back.count == 0


def test_a_form_whose_package_is_missing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    missing: Form = replace(FORMS["parquet"], needs="not_there")
    monkeypatch.setattr("monitoring.plan.batchfile.FORMS", {**FORMS, "parquet": missing})
    with pytest.raises(PlanRefused, match=r"'parquet' needs not_there; install seamark\[parquet\]"):
        made(pool_of(tmp_path), "parquet")


def test_the_manifest_says_what_labelers_must_not_know(tmp_path: Path) -> None:
    """By key; it can be read back, and its digest of the pool is that of the file."""
    pool = pool_of(tmp_path)
    files = made(pool)
    said = kept(files)
    assert said["pool"]["sha256"] == hashlib.sha256(pool.path.read_bytes()).hexdigest()
    assert (said["pool"]["fresh"], said["pool"]["fresh_by_source"]) == (4, {"all": 4})
    assert (said["seed"], said["got"]["slices"]) == (7, {"rare": 2, "spread": 1, "explore": 1})
    assert said["strata"] == {"certainty": 3, "exploration": {"all": {"items": 1, "fresh": 4}}}
    assert said["source_caps"] == {"asked": {"all": 1.0}, "relaxed": {}}
    assert said["rule_matches"] == {"keywords 1 of class 'fraud': x": 4}
    assert said["expected"]["fraud"] == {"low": 0, "estimate": None, "high": 2, "basis": "hits"}
    explored = [each for each in said["items"].values() if each["slice"] == "explore"]
    assert [(each["stratum"], each["inclusion_probability"], each["weight"]) for each in explored] == [
        ("exploration", 0.25, 4.0)
    ]
    path = tmp_path / MANIFEST
    path.write_bytes(files[MANIFEST])
    assert set(read_manifest(path).items) == set(pool.keys)


def test_the_same_input_makes_the_same_bytes(tmp_path: Path) -> None:
    """All of them; in every form the batch has the same id, and of another seed another."""
    pool = pool_of(tmp_path)
    assert made(pool) == made(pool_of(tmp_path))
    assert kept(made(pool))["batch"] == kept(made(pool, "jsonl"))["batch"]
    assert kept(made(pool))["batch"] != kept(made(pool, asked=replace(ASKED, seed=8)))["batch"]
