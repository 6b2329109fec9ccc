"""What does the demo serve: SYNTHETIC support tickets, made by a seeded generator, of nobody, about nobody.

Five classes, three channels, 2 % fraud, hard on purpose: part of the fraud reads like a billing or an account
question and the other way round, and some tickets are sent twice. The text depends on the label alone, so
another `fraud_share` moves the mix of classes and nothing else (label shift). With `reworded` part of the
fraud is of a new kind, which a model fitted before cannot know.
"""

import csv
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from service.cli import phrases

NOTE: Final = "synthetic support tickets, made by a seeded generator"
CLASSES: Final = ("billing", "delivery", "technical", "account", "fraud")
CHANNELS: Final = ("email", "chat", "phone-note")
FRAUD_SHARE: Final = 0.02
_OTHERS: Final = (0.34, 0.27, 0.22, 0.17)  # the classes but fraud, of what fraud leaves
_CHANNEL_WEIGHTS: Final = (0.6, 0.3, 0.1)
_RESENT: Final = 0.03
_RECENT: Final = 200  # a resend repeats one of so many tickets before it

# How often the matter of a ticket is worded as another class would; else the wording is typical. Fraud is one
# ticket in fifty: a few per cent of the others that share its words are as many as the fraud hard to tell.
_BORROWED: Final[Mapping[str, Mapping[str, float]]] = {
    "fraud": {
        "fraud/billing": 0.20,
        "fraud/account": 0.14,
        "fraud/delivery": 0.06,
        "billing": 0.03,
        "account": 0.03,
    },
    "billing": {"fraud/billing": 0.03, "billing/account": 0.08, "delivery/billing": 0.08, "fraud": 0.002},
    "delivery": {"fraud/delivery": 0.02, "delivery/billing": 0.08, "billing": 0.02, "fraud": 0.001},
    "technical": {"technical/account": 0.10, "fraud/account": 0.005, "delivery": 0.02, "fraud": 0.001},
    "account": {"fraud/account": 0.04, "billing/account": 0.10, "technical/account": 0.08, "fraud": 0.003},
}
_ALARMED: Final[Mapping[str, float]] = {
    "fraud": 0.35,
    "billing": 0.03,
    "account": 0.04,
    "delivery": 0.01,
    "technical": 0.01,
}
_CHOICE: Final = re.compile(r"\[([^\]]*)\]")
_SLOT: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A synthetic ticket; `label` is what a labeler would say, `channel` the source it came through."""

    id: str
    text: str
    label: str
    channel: str


def generate(n: int, *, seed: int, fraud_share: float = FRAUD_SHARE, reworded: float = 0.0) -> list[Ticket]:
    """Return `n` tickets, the same for the same arguments, with ids `t-000000` and so on.

    Parameters
    ----------
    reworded : float
        Share of the fraud that is told in words which no ticket has otherwise.

    Raises
    ------
    ValueError
        When `fraud_share` or `reworded` is no share.
    """
    for name, share in (("fraud_share", fraud_share), ("reworded", reworded)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} {share}: expected a share in [0, 1]")
    rng = random.Random(seed)
    mix = list(accumulate([*(share * (1 - fraud_share) for share in _OTHERS), fraud_share]))
    tickets: list[Ticket] = []
    for i in range(n):
        ticket_id = f"t-{i:06d}"
        if tickets and rng.random() < _RESENT:
            # Any of the recent tickets: resends have the mix of the stream.
            first = tickets[rng.randrange(max(0, i - _RECENT), i)]
            tickets.append(Ticket(ticket_id, _resent(rng, first.text), first.label, first.channel))
        else:
            label = rng.choices(CLASSES, cum_weights=mix)[0]
            channel = rng.choices(CHANNELS, _CHANNEL_WEIGHTS)[0]
            tickets.append(Ticket(ticket_id, _text(rng, label, channel, reworded), label, channel))
    return tickets


def write_csv(path: Path, tickets: Iterable[Ticket]) -> None:
    """Write tickets with the columns `id`, `text`, `label` and `channel`, UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text", "label", "channel"))
        writer.writerows((ticket.id, ticket.text, ticket.label, ticket.channel) for ticket in tickets)


def _text(rng: random.Random, label: str, channel: str, reworded: float) -> str:
    """Return a text of this class in the manner of the channel, which says nothing about the class."""
    new = label == "fraud" and reworded > 0 and rng.random() < reworded
    said = [rng.choice(phrases.REWORDED) if new else _opening(rng, label)]
    if not new and rng.random() < _ALARMED[label]:
        said.append(rng.choice(phrases.ALARMED))
    said += rng.sample(phrases.ANYBODY, rng.choice((0, 1, 1, 2) if channel == "chat" else (1, 1, 2, 2, 3)))
    rng.shuffle(said)
    sentences = [_spoken(rng, sentence) for sentence in (*said, rng.choice(phrases.CLOSING))]
    if channel == "chat":
        return ", ".join(sentences).lower()
    if channel == "phone-note":
        return f"{_spoken(rng, rng.choice(phrases.NOTED))} {'; '.join(sentences)}."
    body = ". ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)
    greeting, signature = rng.choice(phrases.GREETING), _spoken(rng, rng.choice(phrases.SIGNATURE))
    return f"{greeting} {body}. {signature}".strip()


def _opening(rng: random.Random, label: str) -> str:
    """Return the sentence the ticket is about: typical of the class, or shared with or typical of another."""
    draw = rng.random()
    for origin, share in _BORROWED[label].items():
        draw -= share
        if draw < 0:
            return rng.choice(phrases.BETWEEN.get(origin) or phrases.TYPICAL[origin])
    return rng.choice(phrases.TYPICAL[label])


def _spoken(rng: random.Random, sentence: str) -> str:
    """Return the sentence with its choices made and its slots filled."""
    chosen = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), sentence)
    return _SLOT.sub(lambda match: _filled(rng, match[1]), chosen)


def _filled(rng: random.Random, slot: str) -> str:
    match slot:
        case "amount":
            return f"{rng.randint(4, 480)}.{rng.randint(0, 99):02d} euros"
        case "order":
            return f"{rng.choice('ABCDEFGH')}{rng.randint(10_000, 99_999)}"
        case "code":
            return f"{rng.choice('KLMNPQ')}{rng.choice('RSTUVW')}-{rng.randint(100, 999)}"
        case "number":
            return str(rng.randint(2, 20))
        case _:
            return rng.choice(phrases.SLOTS[slot])


def _resent(rng: random.Random, text: str) -> str:
    """Return the same ticket sent once more, with a word before or after it."""
    again = rng.choice(("{} Any news?", "Again: {}", "{} Still waiting.", "{}", "Reminder. {}"))
    return again.format(text)
