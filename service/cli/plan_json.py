"""How does a labeling plan look to a program?"""

from collections.abc import Sequence
from typing import Any

from monitoring.plan.ahead import Asked
from monitoring.plan.forecast import DELTA, POSITIVES, RECALL, RECALL_LABELS, WORTH, explored_labels
from monitoring.plan.planning import Plan
from monitoring.plan.pool import Pool


def plan_json(pool: Pool, plan: Plan, asked: Asked, files: Sequence[str]) -> dict[str, Any]:
    """Return the plan for programs."""
    return {
        "pool": {
            "rows": len(pool),
            "fresh": len(plan.fresh),
            "near_duplicates": plan.fresh.repeated,
            "handed_out_before": plan.fresh.taken,
        },
        "budget": {"items": asked.budget, "spent": plan.spent, "waves_left": plan.waves_left},
        "candidates": dict(plan.candidates),
        "rule_matches": dict(plan.matches),
        "waves": [
            {
                "wave": each.number,
                "items": each.items,
                "slices": dict(each.slices),
                "sources": dict(each.sources),
                "expected": {name: found.to_json() for name, found in each.expected.items()},
            }
            for each in plan.ahead
        ],
        "labels": dict(plan.labels),
        "measured": {
            name: {slice_: {"positives": t.positives, "labels": t.labels} for slice_, t in found.items()}
            for name, found in plan.measured.items()
        },
        "needed": {
            "recall": RECALL,
            "confidence": 1 - DELTA,
            "positives": POSITIVES,
            "explored_labels": {
                name: explored_labels(found["explore"]) for name, found in plan.measured.items()
            },
            "recall_takes_explored_labels": RECALL_LABELS,
        },
        "stop": {
            "verdict": plan.stop.verdict,
            "rare_rate": plan.stop.rare,
            "explore_rate": plan.stop.explore,
            "least_ratio": WORTH,
        },
        "files": list(files),
    }
