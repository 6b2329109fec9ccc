"""Which columns of a log hold the time, the predicted label, its score and its source: named, or guessed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from model_store.data.csvfile import plainly
from monitoring.logs.problems import LogRefused

# In order of preference. What a system said comes before words that may as well name the truth.
GUESSES: Final[Mapping[str, Sequence[str]]] = {
    "time": (
        *("timestamp", "time", "ts", "datetime", "eventtime", "predictedat", "createdat", "loggedat"),
        *("receivedat", "requesttime", "eventtimestamp", "created", "date", "at"),
    ),
    "label": (
        *(
            "predictedlabel",
            "prediction",
            "predictedclass",
            "predicted",
            "ypred",
            "pred",
            "predictedcategory",
        ),
        *("label", "class", "category", "decision", "outcome", "intent", "topic", "output"),
    ),
    "score": (
        *("score", "probability", "confidence", "topprobability", "predictedprobability", "prob", "proba"),
        *("maxprobability", "predictionscore"),
    ),
    "source": ("source", "channel", "origin", "stream", "tenant", "site"),
    "id": (),
}
_OPTIONS: Final = {"time": "--time", "label": "--label", "source": "--source"}
_MOST_SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class LogColumns:
    """Names of a log's columns; None for what is not there or not asked for.

    As a question, None means that the column may be guessed.
    """

    time: str | None = None
    label: str | None = None
    score: str | None = None
    source: str | None = None
    id: str | None = None

    def used(self) -> dict[str, str]:
        """Return role -> column."""
        return {role: name for role, name in asdict(self).items() if name is not None}


def choose(path: Path, found: Sequence[str], asked: LogColumns, *, by_source: bool = False) -> LogColumns:
    """Return the columns to read; a score is taken where there is one, a source only `by_source`.

    Raises
    ------
    LogRefused
        A named column is not there or there twice, or no column looks like a time or a label.
    """
    named = asked.used()
    for name in named.values():
        _check(path, name, found)
    chosen = {role: named.get(role) or _guess(role, found, named.values()) for role in GUESSES}
    if not by_source:
        chosen["source"] = None
    for role, column in chosen.items():
        if column is None and (role in {"time", "label"} or (role == "source" and by_source)):
            raise LogRefused(
                path, f"no column looks like the {role}; name it with {_OPTIONS[role]}: {_list(found)}"
            )
        if column is not None:
            _check(path, column, found)
    return LogColumns(**chosen)


def _guess(role: str, found: Sequence[str], taken: Collection[str]) -> str | None:
    """Return the column whose name, or whose last part of a dotted name, is the most preferred one."""
    free = [name for name in reversed(found) if name not in taken]
    whole = {_plain(name): name for name in free}
    last = {_plain(name.rpartition(".")[2]): name for name in free}
    return next((of[each] for of in (whole, last) for each in GUESSES[role] if each in of), None)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _check(path: Path, name: str, found: Sequence[str]) -> None:
    times = found.count(name)
    if times > 1:
        raise LogRefused(path, f"column {name!r} is there {times} times; rename one of them")
    if not times:
        raise LogRefused(path, f"no column {name!r}; the columns are {_list(found)}")


def _list(found: Sequence[str]) -> str:
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return ", ".join(map(plainly, found[:_MOST_SHOWN])) + more
