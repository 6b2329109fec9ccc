"""How would one write request and reply with pydantic, as the documentation of both frameworks does?"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from model_store.policy import DECISIONS, Decisions


class Item(BaseModel):
    """One text."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=32_768)]
    id: Annotated[str, Field(max_length=128)] | None = None
    source: Annotated[str, Field(max_length=64)] | None = None


class Top(BaseModel):
    """The most probable class."""

    name: Annotated[str, Field(serialization_alias="class")]
    probability: float


class Flag(Top):
    """A class whose threshold is passed."""

    claim: str


class Prediction(BaseModel):
    """The answer for one item."""

    id: str | None
    label: str | None
    top: Top
    flags: list[Flag]
    review: str | None


class Reply(BaseModel):
    """The answer for all items."""

    model: dict[str, str]
    predictions: list[Prediction]


def reply(items: list[Item], decisions: Decisions, classes: tuple[str, ...]) -> Reply:
    """Return the same answer as ours."""
    predictions = []
    for row, item in enumerate(items):
        p = decisions.probabilities[row]
        label, top, decision = (
            int(decisions.label[row]),
            int(decisions.top[row]),
            int(decisions.decision[row]),
        )
        flags = [
            Flag(name=classes[k], probability=round(float(p[k]), 6), claim="empirical")
            for k in decisions.flags[row].nonzero()[0]
        ]
        predictions.append(
            Prediction(
                id=item.id,
                label=classes[label] if label >= 0 else None,
                top=Top(name=classes[top], probability=round(float(p[top]), 6)),
                flags=flags,
                review=None if decision == 0 else DECISIONS[decision],
            )
        )
    return Reply(model={"name": "intents", "version": "1"}, predictions=predictions)
