"""What does a wave need to know of a model: its classes, what they lack, and what it was made from?"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import (
    CARD_FILE,
    EMBEDDING_FILE,
    EVALUATION_FILE,
    MODEL_FILE,
    POLICY_FILE,
    REFERENCE_FILE,
    SEEN_FILE,
    VALIDATION_FILE,
    Bundle,
    ModelKey,
    read_binning,
    read_seen,
)
from model_store.bundles.manifest import Task
from model_store.data.rowmarks import values_of
from model_store.data.wordmarks import Marks
from model_store.graphs.inputs import InputKind
from model_store.promises.targets import n_min
from monitoring.waves.views import TEXTS, Embed, View, of_rows

_AFTER_THE_SCORES: Final = frozenset(
    {CARD_FILE, EMBEDDING_FILE, EVALUATION_FILE, POLICY_FILE, REFERENCE_FILE, SEEN_FILE, VALIDATION_FILE}
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a wave needs to know of a model.

    Attributes
    ----------
    thresholds : tuple of float
        Operating thresholds in the order of `classes`.
    digests : mapping of str to str
        SHA-256 of the graph, the calibration and the policy.
    seen : uint32 array of shape (n, 64)
        Near-duplicate signatures of the items the model was made from.
    marks : uint16 array of shape (m, 64), optional
        Of some of those items, as `view` makes them.
    view : View, optional
        How contents are told apart; None where a bundle of tables does not say.
    lacking : mapping of str to int
        Positives that a class lacks for its claim.
    target : int
        Positives that prove the strictest target anew.
    task, input_kind : str
        What it does, and with what.
    scoring : str
        The same for two versions that score items alike, whatever their policies make of the scores.
    """

    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    digests: Mapping[str, str]
    seen: npt.NDArray[np.uint32]
    task: Task = "multiclass"
    input_kind: InputKind = "text"
    scoring: str = ""
    marks: Marks | None = None
    view: View | None = TEXTS
    lacking: Mapping[str, int] = field(default_factory=dict)
    target: int = 1


ResolveModel: TypeAlias = Callable[[ModelKey], ModelFacts]


def facts_of(bundle: Bundle, *, on_failure: Callable[[str], None] | None = None) -> ModelFacts:
    """Return what a wave needs to know of a bundle.

    Parameters
    ----------
    on_failure : callable, optional
        Told `"wave"` when the bundle's embedding could not be used.
    """
    seen, thresholds = read_seen(bundle), bundle.policy.thresholds
    asked = [each for each in (t.target.recall or t.target.precision for t in thresholds) if each]
    return ModelFacts(
        classes=bundle.policy.classes,
        thresholds=tuple(each.threshold for each in thresholds),
        digests={"model": bundle.manifest.files[MODEL_FILE].sha256, **bundle.digests},
        seen=seen.signatures,
        task=bundle.manifest.task,
        input_kind=bundle.manifest.input_kind,
        scoring=_scoring(bundle),
        marks=seen.marks,
        view=_view(bundle, on_failure),
        lacking={t.class_name: t.n_needed for t in thresholds if t.n_needed},
        target=max((n_min(each, bundle.policy.delta) for each in asked), default=1),
    )


def _view(bundle: Bundle, on_failure: Callable[[str], None] | None) -> View | None:
    if bundle.manifest.input_kind == "text":
        view = TEXTS
    elif (binning := read_binning(bundle)) is not None:
        view = of_rows(binning)
    else:
        return None
    if bundle.manifest.embedding is not None:
        view = replace(view, open_embedding=partial(_open_embedding, bundle))
    return view if on_failure is None else replace(view, on_failure=on_failure)


def _open_embedding(bundle: Bundle) -> Embed:
    from model_store.model import open_embedder  # noqa: PLC0415 - the runtime's memory, which most waves spare

    embedder = open_embedder(bundle)
    if bundle.manifest.input_kind == "text":
        return embedder.vectors
    return lambda contents: embedder.vectors([values_of(each) for each in contents])


def _scoring(bundle: Bundle) -> str:
    """Return one digest of everything that decides the scores: front end, graph and calibration."""
    files = bundle.manifest.files
    lines = [f"{name}:{files[name].sha256}" for name in sorted(files) if name not in _AFTER_THE_SCORES]
    return hashlib.sha256("\0".join(lines).encode()).hexdigest()[:16]
