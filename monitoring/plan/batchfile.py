"""What do labelers get of a wave, and what is kept from them until the labels are back?"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from monitoring.errors import PlanRefused
from monitoring.handover import FORMS
from monitoring.plan.ahead import Asked
from monitoring.plan.choose import Item, Wave
from monitoring.plan.earlier import KIND, MANIFEST
from monitoring.plan.labelled import planned_id
from monitoring.plan.planning import Plan
from monitoring.plan.pool import Pool
from monitoring.plan.shares import Slice
from monitoring.plan.sheets import SHEETS
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.batches import Slice as BatchSlice

MANIFEST_FORMAT: Final = 2
_STEM: Final = "batch"
_SLICES: Final[Mapping[Slice, BatchSlice]] = {
    "rare": "watched",
    "spread": "novel",
    "novel": "novel",
    "uncertain": "uncertain",
    "explore": "explore",
}


def files_of(pool: Pool, plan: Plan, wave: Wave, asked: Asked, form: str) -> Mapping[str, bytes]:
    """Return by name the batch in one of `monitoring.handover.FORMS`, a tool's settings, and the manifest.

    Raises
    ------
    PlanRefused
        If a package that writes the form is not installed.
    """
    found = FORMS[form]
    if not found.available:
        raise PlanRefused(f"batch format {form!r} needs {found.needs}; install seamark[{form}]")
    pool_sha256 = hashlib.sha256(pool.path.read_bytes()).hexdigest()
    # One id for the same items: of another pool, seed or wave nothing is the same batch.
    named = f"{pool_sha256} {asked.chosen_by} {asked.seed} {plan.number} {[item.row for item in wave.items]}"
    batch_id = planned_id(plan.number, hashlib.sha256(named.encode()).hexdigest()[:12])
    batch = _batch(pool, wave, asked, batch_id)
    files = {f"{_STEM}.{found.items.ending}": SHEETS.get(form, found.items.write)(batch)}
    if found.settings is not None:
        files[f"{_STEM}.{found.settings.ending}"] = found.settings.write(batch)
    kept = _manifest(pool, plan, wave, asked, batch_id=batch_id, pool_sha256=pool_sha256, files=files)
    return files | {MANIFEST: kept}


def _manifest(
    pool: Pool,
    plan: Plan,
    wave: Wave,
    asked: Asked,
    *,
    batch_id: str,
    pool_sha256: str,
    files: Mapping[str, bytes],
) -> bytes:
    """Return how the wave was made, and by key what each item was chosen for and with what probability."""
    said: Mapping[str, Any] = {
        "kind": KIND,
        "format": MANIFEST_FORMAT,
        "batch": batch_id,
        "wave": plan.number,
        "seed": asked.seed,
        "chosen_by": asked.chosen_by,
        "rare": list(asked.rare),
        "classes": list(asked.classes),
        "pool": {
            "file": pool.path.name,
            "sha256": pool_sha256,
            "rows": len(pool),
            "near_duplicates": plan.fresh.repeated,
            "handed_out_before": plan.fresh.taken,
            "fresh": len(plan.fresh),
            "fresh_by_source": dict(plan.sources),
        },
        "candidates": dict(plan.candidates),
        "rule_matches": dict(plan.matches),
        "files": {
            name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            for name, body in files.items()
        },
        "asked": {
            "items": min(asked.wave, asked.budget - plan.spent),
            "slices": dict(wave.slices),
            "sources": dict(wave.sources),
            "classes": dict(wave.classes),
        },
        "got": {
            "items": len(wave.items),
            "slices": {name: wave.got(name) for name in wave.slices},
            "sources": _counted(item.source for item in wave.items),
            "classes": _counted(item.rare for item in wave.items if item.rare is not None),
        },
        "source_caps": {"asked": dict(asked.caps), "relaxed": dict(wave.over_cap)},
        "strata": {
            "certainty": sum(item.slice != "explore" for item in wave.items),
            "exploration": {
                source: {"items": n, "fresh": plan.sources[source]}
                for source, n in _counted(i.source for i in wave.items if i.slice == "explore").items()
            },
        },
        "expected": {name: each.to_json() for name, each in plan.ahead[0].expected.items()},
        "items": {pool.keys[item.row]: _kept(item) for item in wave.items},
    }
    return (json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _batch(pool: Pool, wave: Wave, asked: Asked, batch_id: str) -> Batch:
    """Return the wave as a batch of the service, which is what the forms' writers take."""
    items = tuple(
        BatchItem(
            rank=rank,
            key=pool.keys[item.row],
            item_id=None if pool.ids is None else pool.ids[item.row],
            source=item.source,
            text=pool.texts[item.row],
            slice=_SLICES[item.slice],
            stratum="exploration" if item.slice == "explore" else "certainty",
            inclusion_probability=item.inclusion_probability,
            dup_count=item.copies,
            probabilities=item.probabilities,
            predicted=item.predicted,
            at=0.0,
        )
        for rank, item in enumerate(wave.items, 1)
    )
    # What was drawn leaves earlier waves and near-duplicates out: it estimates shares and certifies nothing.
    manifest = {
        "classes": list(asked.classes),
        "task": asked.task,
        "input_kind": pool.input_kind,
        "complete_sample": False,
    }
    return Batch(batch_id, None, asked.chosen_by, 0.0, "open", manifest, items)


def _kept(item: Item) -> dict[str, Any]:
    return {
        "slice": item.slice,
        "class": item.rare,
        "stratum": "exploration" if item.slice == "explore" else "certainty",
        "inclusion_probability": item.inclusion_probability,
        "copies": item.copies,
        "weight": item.weight,
        "score": item.score,
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
