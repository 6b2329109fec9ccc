"""What did the comparison of a proposed version with the live one find so far? Plain JSON."""

from collections.abc import Mapping
from typing import Any, Final

from model_store.policy import NO_CLASS
from monitoring.proposing import Proposal
from monitoring.shadowing.answers import Answer
from monitoring.shadowing.sample import Sample
from monitoring.shadowing.tally import ClassCount, Count, Tally
from monitoring.store import Store
from monitoring.store.shadows import Shadow

MOST_SHOWN: Final = 50


def shadow_json(store: Store, proposal: Proposal) -> dict[str, Any]:
    """Return how a proposed version answers beside the live one; shares are of the traffic, not the sample.

    A class's shares are of items that were answered with it, `no_class_passes` of items without any.
    `changes` are pairs of different answers, most frequent first; `examples` name items, those of which the
    text is still kept with it.
    """
    shadow = store.shadows.get(proposal.id)
    tally = _tally(shadow)
    return {
        "proposal": proposal.id,
        "live": f"{proposal.model_name}@{proposal.base_version}",
        "candidate": f"{proposal.model_name}@{proposal.candidate_version}",
        "state": _state(proposal, tally),
        "started_at": None if shadow is None else shadow.started_at,
        "ended_at": None if shadow is None else shadow.ended_at,
        "items": tally.all.items,
        "traffic": tally.all.weight,
        "agreement": tally.agreement(),
        "classes": [_class_json(name, count, tally) for name, count in sorted(tally.classes.items())],
        "changes": [
            {"live": _shown(live), "candidate": _shown(candidate), **_count_json(count, tally)}
            for (live, candidate), count in sorted(
                tally.changes.items(), key=lambda each: (-each[1].weight, each[0])
            )[:MOST_SHOWN]
        ],
        "examples": [] if shadow is None else _examples(store, shadow),
    }


def _tally(shadow: Shadow | None) -> Tally:
    if shadow is None:
        return Tally()
    tally = Tally.from_json(shadow.tally)
    Sample.from_json(shadow.seen).count(tally)
    return tally


def _state(proposal: Proposal, tally: Tally) -> str:
    if proposal.state != "open":
        return "ended"
    return "running" if tally.all.items else "waiting"


def _class_json(name: str, count: ClassCount, tally: Tally) -> dict[str, Any]:
    live = count.both.weight + count.only_live.weight
    candidate = count.both.weight + count.only_candidate.weight
    return {
        "class": name,
        "live_ratio": live / tally.all.weight,
        "candidate_ratio": candidate / tally.all.weight,
        "both": count.both.items,
        "only_live": count.only_live.items,
        "only_candidate": count.only_candidate.items,
    }


def _count_json(count: Count, tally: Tally) -> dict[str, Any]:
    return {"items": count.items, "ratio": count.weight / tally.all.weight}


def _shown(answer: Answer) -> list[str]:
    return list(answer) or [NO_CLASS]


def _examples(store: Store, shadow: Shadow) -> list[Mapping[str, Any]]:
    shown = store.shadows.shown({each["row"]: each["priority"] for each in shadow.examples})
    return [
        {
            "key": shown[each["row"]].key,
            "id": shown[each["row"]].item_id,
            "source": shown[each["row"]].source,
            "time": shown[each["row"]].at,
            "text": shown[each["row"]].text,
            "live": _shown(tuple(each["live"])),
            "candidate": _shown(tuple(each["candidate"])),
        }
        for each in shadow.examples
        if each["row"] in shown
    ]
