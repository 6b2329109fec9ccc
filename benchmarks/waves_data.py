"""Which labelled sets stand for a model's past and for the traffic that has changed since?

Each problem is a public set cut by near-duplicate group into four parts: training and validation as they
were, traffic and test as they are now, when some classes have become more frequent or are new. A part of the
traffic is resent, as it is or with a few characters more, and comes from three sources; the classes that the
change is about come mostly from one. Of a synthetic set the words of a class are known: tests use it.
"""

import csv
import gzip
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.data.signatures import THOROUGH_BANDS, groups, minhash

Rows: TypeAlias = npt.NDArray[np.intp]
Texts: TypeAlias = npt.NDArray[np.object_]

SHARED: Final = Path(os.environ.get("SEAMARK_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SOURCES: Final = ("email", "chat", "phone")
_OF_THE_REST: Final = (0.60, 0.30, 0.10)
_OF_THE_TOLD: Final = (0.30, 0.60, 0.10)
_RESENT: Final = 0.015  # of the items
_MOST_COPIES: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some rows: texts and labels, object arrays of shape (n,)."""

    texts: Texts
    labels: Texts

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True, eq=False)
class Traffic(Part):
    """What arrives after the change, in order; a resent item is a row each time. `sources` as `texts`."""

    sources: Texts


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A model's past and present.

    Attributes
    ----------
    told : tuple of str
        The classes the change is about.
    watched : tuple of str
        What the alarm names of them: those the model knows.
    """

    name: str
    told: tuple[str, ...]
    watched: tuple[str, ...]
    train: Part
    validation: Part
    traffic: Traffic
    test: Part


@dataclass(frozen=True, slots=True)
class Shares:
    """How the groups of a set are shared out, and what the told classes have of each part in all."""

    groups: Mapping[str, float]
    told: Mapping[str, float]


_HATE: Final = Shares(
    groups={"train": 0.25, "validation": 0.10, "traffic": 0.45, "test": 0.20},
    told={"train": 0.015, "validation": 0.015, "traffic": 0.06, "test": 0.06},
)
_RARE: Final = Shares(
    groups={"train": 0.20, "validation": 0.10, "traffic": 0.52, "test": 0.18},
    told={"train": 0.00725, "validation": 0.00725, "traffic": 0.029, "test": 0.029},
)
_UNSEEN: Final = Shares(
    groups={"train": 0.25, "validation": 0.10, "traffic": 0.45, "test": 0.20},
    told={"train": 0.0, "validation": 0.0},
)


def hate(seed: int) -> Problem:
    """Return tweets in which hate rises from 1.5 % to 6 %."""
    texts, labels = _read("hate_davidson")
    return _problem("hate x4", texts, labels, told=("hate",), shares=_HATE, seed=seed)


def rare_intents(seed: int) -> Problem:
    """Return requests of 150 intents and none of them; eight of .09 % each become four times as frequent."""
    texts, labels = _read("clinc150")
    told = _some_intents(labels, 8, seed)
    return _problem("rare intents x4", texts, labels, told=told, shares=_RARE, seed=seed)


def unseen_intents(seed: int) -> Problem:
    """Return requests with ten intents, of .6 % each, that the model was never shown."""
    texts, labels = _read("clinc150")
    told = _some_intents(labels, 10, seed)
    return _problem("unseen intents", texts, labels, told=told, shares=_UNSEEN, seed=seed)


def synthetic(seed: int, *, items: int = 4_000) -> Problem:
    """Return six classes with words mostly their own among common ones; the rarest rises to 6 %."""
    rng = np.random.default_rng([seed, 6])
    labels = rng.choice(6, items, p=[0.3, 0.25, 0.2, 0.1, 0.09, 0.06])
    # One of three words of its own is one of some other class.
    whose = np.where(rng.random((items, 3)) < 0.35, rng.integers(0, 6, (items, 3)), labels[:, np.newaxis])
    own = rng.integers(0, 60, (items, 3)) + 1_000 * (1 + whose)
    common = rng.integers(0, 300, (items, 7))
    words = np.concatenate([common, own], axis=1)
    texts = np.array([" ".join(map(_word, row)) for row in words.tolist()], dtype=object)
    names = np.array([f"class {k}" for k in labels], dtype=object)
    return _problem("synthetic", texts, names, told=("class 5",), shares=_HATE, seed=seed)


PROBLEMS: Final[Mapping[str, Callable[[int], Problem]]] = {
    "unseen": unseen_intents,
    "rare": rare_intents,
    "hate": hate,
    "synthetic": synthetic,
}
PUBLIC: Final = ("unseen", "rare", "hate")


def missing() -> tuple[Path, ...]:
    """Return the files of the public sets that are not there."""
    return tuple(path for path in map(_path, ("clinc150", "hate_davidson")) if not path.exists())


def _word(number: int) -> str:
    """Return a pronounceable word, a different one for each number."""
    syllables = [f"{a}{b}" for a in "bdfgklmnprstvz" for b in "aeiou"]
    word = ""
    while True:
        number, rest = divmod(number, len(syllables))
        word += syllables[rest]
        if not number:
            return word + "n"


def _path(name: str) -> Path:
    return SHARED / "data" / f"{name}.csv.gz"


def _read(name: str) -> tuple[Texts, Texts]:
    with gzip.open(_path(name), "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts, labels = ([row[column] for row in rows] for column in ("text", "label"))
    return np.array(texts, dtype=object), np.array(labels, dtype=object)


def _some_intents(labels: Texts, n: int, seed: int) -> tuple[str, ...]:
    intents = sorted(set(labels.tolist()) - {"oos"})
    return tuple(sorted(np.random.default_rng([seed, 0]).choice(intents, n, replace=False).tolist()))


def _problem(
    name: str, texts: Texts, labels: Texts, *, told: tuple[str, ...], shares: Shares, seed: int
) -> Problem:
    rng = np.random.default_rng([seed, 1])
    about = np.isin(labels, told)
    own = _parts(texts, shares.groups, rng)
    rows = {part: _mixed(own[part], about, labels, shares.told.get(part), rng) for part in own}
    train, validation, traffic, test = (rows[part] for part in ("train", "validation", "traffic", "test"))
    return Problem(
        name=name,
        told=told,
        watched=tuple(each for each in told if (labels[train] == each).any()),
        train=Part(texts[train], labels[train]),
        validation=Part(texts[validation], labels[validation]),
        traffic=_traffic(texts[traffic], labels[traffic], about[traffic], rng),
        test=Part(texts[test], labels[test]),
    )


def _parts(texts: Texts, shares: Mapping[str, float], rng: np.random.Generator) -> Mapping[str, Rows]:
    """Share out whole near-duplicate groups; the rows of each part are in random order."""
    group = groups(minhash(texts.tolist()), bands=THOROUGH_BANDS)
    part_of = rng.choice(len(shares), int(group.max()) + 1, p=list(shares.values()))[group]
    return {part: rng.permutation(np.flatnonzero(part_of == k)) for k, part in enumerate(shares)}


def _mixed(
    rows: Rows, about: npt.NDArray[np.bool_], labels: Texts, share: float | None, rng: np.random.Generator
) -> Rows:
    """Return rows of which the told classes have `share` in all, in equal parts; all rows if it is None."""
    if share is None:
        return rows
    rest, told = rows[~about[rows]], rows[about[rows]]
    of_each = [told[labels[told] == name] for name in sorted(set(labels[told].tolist()))]
    least = min(map(len, of_each), default=0)
    wanted = round(len(rest) * share / (1 - share) / max(len(of_each), 1))
    taken = min(wanted, least)
    if taken < wanted:
        rest = rest[: round(len(of_each) * taken * (1 - share) / share)]
    return rng.permutation(np.concatenate([rest, *(each[:taken] for each in of_each)]))


def _traffic(texts: Texts, labels: Texts, about: npt.NDArray[np.bool_], rng: np.random.Generator) -> Traffic:
    n = len(texts)
    resent = np.flatnonzero(rng.random(n) < _RESENT)
    copies = np.minimum(np.floor(4 * (1 + rng.pareto(1.2, len(resent)))), _MOST_COPIES).astype(np.intp)
    repeats = np.repeat(resent, copies)
    edited = rng.random(len(repeats)) < 0.5
    marks = rng.integers(100, 1000, len(repeats))
    again = [
        f"{texts[row]} {mark}" if edit else texts[row]
        for row, edit, mark in zip(repeats.tolist(), edited.tolist(), marks.tolist(), strict=True)
    ]
    order = rng.permutation(n + len(repeats))
    where = np.concatenate([np.arange(n), repeats])[order]
    source_of = np.where(
        about, rng.choice(len(SOURCES), n, p=_OF_THE_TOLD), rng.choice(len(SOURCES), n, p=_OF_THE_REST)
    )
    return Traffic(
        texts=np.concatenate([texts, np.array(again, dtype=object)])[order],
        labels=labels[where],
        sources=np.array(SOURCES, dtype=object)[source_of[where]],
    )
