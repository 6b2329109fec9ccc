"""What does a proposal say, in tables and in words, and what is to be done next?"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group
from rich.text import Text

from monitoring.meaning.wording import number_of
from service.cli.output import cell, table

Json = Mapping[str, Any]

_ROWS: Final = {
    "exploration": "explored labels, a sample of the traffic",
    "validation": "held-out rows of the file",
}
_SAID: Final = {"found": "fewer of it are found", "false_alarms": "it gives more false alarms"}
_TOLD: Final = {"better": "better", "worse": "WORSE", "not told apart": "even", "no rows": "-"}


def shown(proposal: Json) -> Group:
    """Return a proposal for a reader: who, on which labels, old against new, what is certified, what next."""
    comparison = proposal["comparison"]
    parts: list[object] = [Text(line) for line in _head(proposal)]
    parts += [each for kind in comparison["evidence"] for each in (Text(""), _measured(kind))]
    parts += [Text(""), _claims(comparison)]
    parts += [Text(""), Text("next:"), *(Text(f"- {line}") for line in next_steps(proposal))]
    return Group(*parts)  # type: ignore[arg-type]


def next_steps(proposal: Json) -> Sequence[str]:
    """Return what to do next about a proposal, a sentence each."""
    if proposal["state"] != "open":
        return [f"nothing: it was {proposal['state']} by {proposal['decided_by']}"]
    comparison = proposal["comparison"]
    return [
        *_unfinished(comparison["basis"]["batches"]),
        *_wave(proposal, comparison["explored_labels_needed"]),
        *_pool(comparison),
        *_worse(comparison),
        f"see what it answers to live traffic: `seamark proposal show {proposal['id']}` in some minutes",
        f"put it in force: `seamark bundle promote {proposal['model']} {proposal['candidate']} "
        f"--why 'proposal {proposal['id']}'`, and back with `seamark bundle rollback {proposal['model']}`",
        f"or leave it: `seamark proposal reject {proposal['id']} --why REASON`",
    ]


def _head(proposal: Json) -> list[str]:
    labels, basis = proposal["comparison"]["labels"], proposal["comparison"]["basis"]
    model = proposal["model"]
    answers = f", after alarm {proposal['alarm']}" if proposal["alarm"] else ""
    lines = [
        f"proposal {proposal['id']} ({proposal['state']}): {model}@{proposal['base']} -> "
        f"{model}@{proposal['candidate']}, a {proposal['kind']} by {proposal['by']}{answers}",
        f"{number_of(labels['labels'], 'label')} of {number_of(len(labels['batches']), 'batch')}: "
        f"{labels['training']} train, "
        f"{labels['explored']} are explored and train nothing, {labels['proving']} of them can carry a claim",
    ]
    counted = {
        "found to be of no class": labels["of_no_class"],
        "explored, but nearly known to the model": labels["known"],
        "without a kept text, left out": labels["without_text"],
    }
    lines += [f"{number_of(n, 'label')} {what}" for what, n in counted.items() if n]
    if labels["pooled"]:
        lines.append(
            "old rows and explored labels count together: somebody declared that traffic is as it was"
        )
    elif basis["moved_at"] is not None:
        lines.append("traffic has moved since the file was made: only explored labels certify")
    return lines


def _measured(kind: Json) -> object:
    note = ", weighted" if kind["weighted"] else ""
    left = f", {kind['left_out']} left out that the old version was fitted on" if kind["left_out"] else ""
    rows = [
        [
            each["class"],
            each["positives"],
            *(_interval(each[side]["recall"]) for side in ("old", "new")),
            _TOLD[each["found"]["verdict"]],
            *(_interval(each[side]["precision"]) for side in ("old", "new")),
            _TOLD[each["false_alarms"]["verdict"]],
        ]
        for each in kind["classes"]
    ]
    share = kind["review_share"]
    people = f"to a person {share['old']:.1%} -> {share['new']:.1%}"
    title = f"{kind['rows']} {_ROWS[kind['name']]}{note}{left}; {people}"
    return table(title, ["class", "rows", "recall", "->", "found", "precision", "->", "alarms"], rows)


def _interval(share: Json) -> str:
    if share["estimate"] is None:
        return "-"
    return f"{share['estimate']:.2f} ({share['lower']:.2f}-{share['upper']:.2f})"


def _claims(comparison: Json) -> object:
    return table(
        "claims",
        ["class", "target", "status", "->", "threshold", "->", "to certify it"],
        [
            [
                each["class"],
                " ".join(f"{what} {value:g}" for what, value in each["target"].items())
                + ("" if each["declared"] else " (default)"),
                each["old"]["status"],
                each["new"]["status"],
                each["old"]["threshold"],
                each["new"]["threshold"],
                _need(each),
            ]
            for each in comparison["claims"]
        ],
    )


def _need(claim: Json) -> str:
    needs = claim["needs"]
    if needs is None:
        return "-"
    if needs["positives"] is None:
        return "no number at this threshold; declare a target"
    if needs["positives"] == 0:
        return "enough of it: its precision fails, or --no-certify was given"
    labels = (
        "more labels than can be planned"
        if needs["labels"] is None
        else f"about {number_of(needs['labels'], 'label')}"
    )
    return f"{needs['positives']:,} more of it: {labels} (share {cell(needs['share'])})"


def _unfinished(batches: Sequence[Json]) -> list[str]:
    return [
        f"batch {each['batch']}: {each['skipped'] + each['open']} of its {each['explored']} explored items "
        "have no label, so the draw proves nothing; label them, with none_of_these rather than a skip"
        for each in batches
        if each["present"] and each["skipped"] + each["open"]
    ]


def _wave(proposal: Json, labels: int | None) -> list[str]:
    if not labels:
        return []
    return [
        f"about {number_of(labels, 'more explored label')} would certify what was asked: "
        f"`seamark proposal wave {proposal['id']}` makes a batch for it"
    ]


def _pool(comparison: Json) -> list[str]:
    if comparison["labels"]["pooled"] or comparison["basis"]["moved_at"] is not None:
        return []
    return ["no alarm says that traffic has moved: if it is as it was, --pool counts old rows as proof too"]


def _worse(comparison: Json) -> list[str]:
    worse = {
        (each["class"], what): None
        for kind in comparison["evidence"]
        for each in kind["classes"]
        for what in _SAID
        if each[what]["verdict"] == "worse"
    }
    lines = []
    for name, what in worse:
        claim = next(each for each in comparison["claims"] if each["class"] == name)
        line = f"look at {name}: {_SAID[what]}"
        if what == "false_alarms" and claim["new"]["status"] == "certified" and claim["explored_positives"]:
            line += (
                f"; {claim['explored_positives']} explored labels of it certify a low threshold only, more "
                "of them a higher one, and a fit with --no-certify claims nothing and keeps that of the file"
            )
        lines.append(line)
    return lines
