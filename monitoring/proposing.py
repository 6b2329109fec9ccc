"""What is a proposal: a version that somebody made from labels, beside the one it is to take the place of?

A model has at most one open proposal: a newer one supersedes it. The version of a superseded or rejected one
stays in the store of models and can be put in force all the same; then the proposal is promoted.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from model_store.bundles.manifest import Manifest

ProposalKind: TypeAlias = Literal["fit", "refit"]
ProposalState: TypeAlias = Literal["open", "promoted", "rejected", "superseded"]

KINDS: Final[tuple[ProposalKind, ...]] = get_args(ProposalKind)
STATES: Final[tuple[ProposalState, ...]] = get_args(ProposalState)
_ID_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate version, what it is compared with and how, and what was decided about it.

    Parameters
    ----------
    id : str
        From `proposal_id`.
    model_name, base_version, candidate_version : str
        `name@base_version` was in force when the candidate was made.
    kind : str
        Whether the model was trained anew (`fit`) or its thresholds only (`refit`).
    alarm_id : str, optional
        The newest alarm whose batch gave labels.
    created_at, decided_at : float
        UTC epoch seconds.
    comparison : mapping
        JSON: old against new for each class, what is certified, and what to do next.
    """

    id: str
    model_name: str
    base_version: str
    candidate_version: str
    kind: ProposalKind
    alarm_id: str | None
    state: ProposalState
    created_at: float
    created_by: str
    why: str
    comparison: Mapping[str, Any]
    decided_at: float | None = None
    decided_by: str | None = None
    decided_why: str | None = None


def proposal_id(model_name: str, candidate_version: str) -> str:
    """Return the id of the proposal of a version: there is one, however often it is sent."""
    return hashlib.sha256(f"proposal\0{model_name}\0{candidate_version}".encode()).hexdigest()[:_ID_LENGTH]


def fingerprint(manifest: Manifest) -> str:
    """Return one digest of all files of a bundle: two stores may call different bundles by one version."""
    lines = (f"{name} {manifest.files[name].sha256}" for name in sorted(manifest.files))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
