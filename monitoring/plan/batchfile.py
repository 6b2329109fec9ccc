"""What do labelers get of a wave, and what is kept from them until the labels are back?"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from monitoring.plan.choose import Item, Wave
from monitoring.plan.earlier import KIND
from monitoring.plan.planning import Asked, Plan
from monitoring.plan.pool import Pool
from monitoring.waves.cells import guard

Form: TypeAlias = Literal["csv", "jsonl"]
COLUMNS: Final = ("key", "id", "source", "text", "label")
MANIFEST_FORMAT: Final = 1


def batch_bytes(pool: Pool, wave: Wave, form: Form) -> bytes:
    """Return the items in their shuffled order, with an empty label.

    In a CSV a cell that a spreadsheet would run as a formula is guarded by an apostrophe.
    """
    rows = (_cells(pool, item) for item in wave.items)
    if form == "jsonl":
        lines = (json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
        return "".join(lines).encode(errors="surrogatepass")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([guard(cell) for cell in row] for row in rows)
    return text.getvalue().encode(errors="surrogatepass")


def manifest_bytes(pool: Pool, plan: Plan, wave: Wave, asked: Asked, *, batch: str, content: bytes) -> bytes:
    """Return how the wave was made, and by key what each item was chosen for and with what probability."""
    said: Mapping[str, Any] = {
        "kind": KIND,
        "format": MANIFEST_FORMAT,
        "wave": plan.number,
        "seed": asked.seed,
        "chosen_by": asked.chosen_by,
        "pool": {
            "file": pool.path.name,
            "sha256": hashlib.sha256(pool.path.read_bytes()).hexdigest(),
            "rows": len(pool),
            "fresh": len(plan.fresh),
        },
        "batch": {"file": batch, "sha256": hashlib.sha256(content).hexdigest(), "items": len(wave.items)},
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
        "source_caps": dict(asked.caps),
        "expected": {name: each.to_json() for name, each in plan.ahead[0].expected.items()},
        "items": {pool.keys[item.row]: _kept(item) for item in wave.items},
    }
    return (json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(
        errors="surrogatepass"
    )


def _cells(pool: Pool, item: Item) -> tuple[str, ...]:
    name = "" if pool.ids is None else pool.ids[item.row]
    return pool.keys[item.row], name, item.source, pool.texts[item.row], ""


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


def _counted(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
