"""What came of a fit, an import or a refit: the published bundle and its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_store.calibrating.calibration import Calibration, Float64s
from model_store.promises.thresholds import ClassThreshold
from model_store.reports.evaluate import Evaluation
from model_store.reports.proposal import Evidence


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """A published bundle and the figures of its fit.

    Parameters
    ----------
    evidence : tuple of Evidence
        Rows that nothing was trained on, for a comparison with another version; only of a fit with labels
        that came back.
    """

    path: Path
    name: str
    version: str
    calibration: Calibration
    thresholds: tuple[ClassThreshold, ...]
    evaluation: Evaluation
    evidence: tuple[Evidence, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `seamark fit --json` prints."""
        names = [t.class_name for t in self.thresholds]
        figures = self.evaluation
        return {
            "bundle": {"name": self.name, "version": self.version, "path": str(self.path)},
            "calibration": {
                "method": self.calibration.method,
                "class_ece_before": _by_name(names, figures.class_ece_before),
                "class_ece_after": _by_name(names, figures.class_ece_after),
            },
            "classes": [_class_json(t) for t in self.thresholds],
            "metrics": {
                "macro_f1": figures.macro_f1,
                "pr_auc": _by_name(names, figures.pr_auc),
            },
        }


def _by_name(names: Sequence[str], figures: Float64s) -> dict[str, float | None]:
    """Return a figure a class; None for one that no row can tell, which JSON has no number for."""
    told = (None if np.isnan(figure) else float(figure) for figure in figures)
    return dict(zip(names, told, strict=True))


def _class_json(t: ClassThreshold) -> dict[str, Any]:
    full = t.to_json()
    kept = {key: full[key] for key in ("class", "n_positive", "status", "threshold", "recall", "precision")}
    optional = ("frontier", "n_needed", "review_from", "review_share", "n_groups")
    return kept | {key: full[key] for key in optional if full.get(key) is not None}
