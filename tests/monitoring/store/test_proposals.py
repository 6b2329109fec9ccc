"""Tests of `monitoring.store.proposals`."""

from dataclasses import replace
from typing import Any

import pytest

from monitoring.errors import ProposalRefused, UnknownProposal
from monitoring.proposing import Proposal, proposal_id
from monitoring.store import Store
from monitoring.store.proposals import mark_promoted


def proposal(candidate: str, *, model: str = "mail", at: float = 100.0, **fields: Any) -> Proposal:
    """Return an open proposal of a version."""
    made = Proposal(
        id=proposal_id(model, candidate),
        model_name=model,
        base_version="1",
        candidate_version=candidate,
        kind="fit",
        alarm_id=None,
        state="open",
        created_at=at,
        created_by="ada",
        why="labels came back",
        comparison={"claims": []},
    )
    return replace(made, **fields)


def states(store: Store, model: str = "mail") -> dict[str, str]:
    """Return the state of each proposed version."""
    return {each.candidate_version: each.state for each in store.proposals.list(model_name=model)}


def promote(store: Store, version: str, *, at: float) -> Proposal | None:
    """Say that a version was put in force."""
    with store.proposals._database.write(durable=True) as connection:
        return mark_promoted(connection, model_name="mail", version=version, at=at, who="kim", why="better")


def test_a_proposal_comes_back_as_it_was_stored(store: Store) -> None:
    """And the same again changes nothing, with other words or without."""
    first = store.proposals.add(proposal("2", alarm_id="a1"))
    again = store.proposals.add(proposal("2", why="again", created_by="kim"))
    assert first == again == store.proposals.get(first.id) == store.proposals.open_of("mail")
    assert [entry.action for entry in store.audit.list()] == ["propose"]


def test_a_newer_one_supersedes_the_open_one_of_its_model(store: Store) -> None:
    """Only of its model; the list is from the newest on."""
    store.proposals.add(proposal("2", at=100.0))
    store.proposals.add(proposal("7", model="chat", at=110.0))
    store.proposals.add(proposal("3", at=120.0))
    assert states(store) == {"3": "open", "2": "superseded"}
    assert states(store, "chat") == {"7": "open"}
    assert [each.candidate_version for each in store.proposals.list(limit=2)] == ["3", "7"]
    assert [each.candidate_version for each in store.proposals.list(state="superseded")] == ["2"]
    assert store.proposals.add(proposal("2", at=130.0)).state == "superseded"
    assert states(store) == {"3": "open", "2": "superseded"}


def test_only_an_open_one_is_rejected(store: Store) -> None:
    """Twice is as good as once; who and why are kept."""
    made = store.proposals.add(proposal("2"))
    rejected = store.proposals.reject(made.id, at=130.0, who="kim", why="worse on chat")
    assert (rejected.state, rejected.decided_at, rejected.decided_by) == ("rejected", 130.0, "kim")
    assert store.proposals.reject(made.id, at=140.0, who="eve", why="me too") == rejected
    assert store.proposals.open_of("mail") is None
    promote(store, "2", at=150.0)
    with pytest.raises(ProposalRefused, match="is promoted"):
        store.proposals.reject(made.id, at=160.0, who="kim", why="too late")


def test_promotion_decides_whatever_was_decided(store: Store) -> None:
    """A superseded version that is put in force is promoted, and the open one gives way."""
    store.proposals.add(proposal("2", at=100.0))
    store.proposals.add(proposal("3", at=110.0))
    promoted = promote(store, "2", at=120.0)
    assert promoted is not None
    assert (promoted.state, promoted.decided_by, promoted.decided_why) == ("promoted", "kim", "better")
    assert states(store) == {"2": "promoted", "3": "superseded"}


def test_a_repeated_promotion_leaves_what_was_proposed_since(store: Store) -> None:
    """After a kill it is said again, perhaps much later."""
    store.proposals.add(proposal("2", at=100.0))
    first = promote(store, "2", at=120.0)
    store.proposals.add(proposal("3", at=130.0))
    assert promote(store, "2", at=120.0) == first
    assert states(store) == {"2": "promoted", "3": "open"}


def test_a_version_that_was_never_proposed_has_no_proposal(store: Store) -> None:
    """It supersedes all the same: what was compared is not in force any more."""
    store.proposals.add(proposal("3", at=100.0))
    assert promote(store, "4", at=120.0) is None
    assert states(store) == {"3": "superseded"}


def test_an_unknown_one_is_an_error(store: Store) -> None:
    """It says where they are listed."""
    with pytest.raises(UnknownProposal, match="seamark proposal list"):
        store.proposals.get("nothing")
    with pytest.raises(UnknownProposal):
        store.proposals.reject("nothing", at=1.0, who="kim", why="none")
    assert store.proposals.find("nothing") is None
