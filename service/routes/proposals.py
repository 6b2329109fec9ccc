"""Which version is proposed in place of the one in force, on what evidence, and what became of it?"""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from model_store.bundles.bundle import read_manifest
from monitoring.errors import ProposalRefused
from monitoring.proposing import STATES, Proposal, ProposalState, fingerprint, proposal_id
from monitoring.waves.basis import basis
from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.models import Change, Name, Reason, Version, served_name


class NewProposal(Struct, frozen=True, forbid_unknown_fields=True):
    """Who proposes which version in place of which, made how and why; `digest` is of its files."""

    by: Name
    why: Reason
    kind: Literal["fit", "refit"]
    base: Version
    candidate: Version
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    comparison: dict[str, Any]
    alarm: Name | None = None


def list_proposals(call: Call) -> object:
    """Return the proposals of the served name, newest first, without what they compare."""
    limit = call.whole_number("limit", default=100, low=1, high=1_000)
    state = call.query.get("state")
    if state is not None and state not in STATES:
        raise FieldInvalid("query.state", f"expected one of {', '.join(get_args(ProposalState))}")
    found = call.worker.state.store().proposals.list(model_name=served_name(call), state=state, limit=limit)
    return {"proposals": [_identity(each) for each in found]}


def post_proposal(call: Call) -> object:
    """Store a proposal; the same version again changes nothing. An older open proposal is superseded."""
    asked, name, models = call.json(NewProposal), served_name(call), call.worker.models
    held = fingerprint(read_manifest(models.path(name, asked.candidate)))
    if held != asked.digest:
        raise ProposalRefused(
            f"version {asked.candidate} in the store of this service is another one than was proposed; "
            "fit with --store at the service's store, or import the bundle there and propose that version"
        )
    store, identity = call.worker.state.store(), proposal_id(name, asked.candidate)
    if store.proposals.find(identity) is None:
        _check_in_force(models.current(name), asked)
    proposal = Proposal(
        id=identity,
        model_name=name,
        base_version=asked.base,
        candidate_version=asked.candidate,
        kind=asked.kind,
        alarm_id=asked.alarm,
        state="open",
        created_at=call.worker.clock.now(),
        created_by=asked.by,
        why=asked.why,
        comparison=asked.comparison,
    )
    return _detail(store.proposals.add(proposal))


def get_proposal(call: Call) -> object:
    """Return one proposal with what it compares: old against new for each class, and what is certified."""
    return _detail(call.worker.state.store().proposals.get(call.path["proposal"]))


def post_rejection(call: Call) -> object:
    """Reject an open proposal; its version stays in the store of models."""
    change = call.json(Change)
    rejected = call.worker.state.store().proposals.reject(
        call.path["proposal"], at=call.worker.clock.now(), who=change.who, why=change.why
    )
    return _detail(rejected)


def get_basis(call: Call) -> object:
    """Return what a proposal would rest on: when traffic last moved, what each batch's draw is good for."""
    store, name = call.worker.state.store(), served_name(call)
    mine = [key for key in store.counts.models() if key.partition("@")[0] == name]
    found = basis(store.labelled.drawn(model_keys=mine), store.alarms.of_all_versions(name))
    return {"name": name, "current": call.worker.models.current(name), **found.to_json()}


def _check_in_force(current: str | None, asked: NewProposal) -> None:
    if current != asked.base:
        raise ProposalRefused(
            f"version {current or 'none'} is in force, and the proposal compares with {asked.base}; "
            "fit again, so that it compares with what is served"
        )
    if asked.candidate == asked.base:
        raise ProposalRefused(f"version {asked.candidate} is in force already")


def _identity(proposal: Proposal) -> dict[str, Any]:
    return {
        "id": proposal.id,
        "model": proposal.model_name,
        "base": proposal.base_version,
        "candidate": proposal.candidate_version,
        "kind": proposal.kind,
        "alarm": proposal.alarm_id,
        "state": proposal.state,
        "created_at": proposal.created_at,
        "by": proposal.created_by,
        "why": proposal.why,
        "decided_at": proposal.decided_at,
        "decided_by": proposal.decided_by,
        "decided_why": proposal.decided_why,
    }


def _detail(proposal: Proposal) -> dict[str, Any]:
    return {**_identity(proposal), "comparison": proposal.comparison}
