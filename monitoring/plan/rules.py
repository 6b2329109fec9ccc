"""Which texts may be of a rare class, as far as words and patterns that somebody wrote down can tell?

A file of rules is YAML, a class a key::

    fraud:
      keywords: [stolen card, not me]
      patterns: ['charged? (twice|2x)']

Keywords match whole words, patterns anywhere (Python's `re`); neither minds case. Only the first 2,000
characters of a text are looked at. A rule that takes too long is refused: one that backtracks without end
would never be done.
"""

import hashlib
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import yaml

from model_store.data.csvfile import Progress
from model_store.data.labelled import RESERVED_LABELS, LabelReserved
from monitoring.errors import PlanRefused
from monitoring.plan.patience import OutOfPatience, at_most
from monitoring.plan.signs import Signs, silent

LONGEST: Final = 2_000  # characters of a text
# Most rules take .1 s for 100,000 texts.
PATIENCE_SECONDS: Final = 10.0
PATIENCE_SECONDS_A_TEXT: Final = 50e-6
_KINDS: Final = ("keywords", "patterns")
_FORM: Final = "expected CLASS: {keywords: [..], patterns: [..]}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `place` says where it stands in its file: "patterns 2 of class 'fraud'"."""

    place: str
    said: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of each rare class, and the digest of all of them."""

    path: Path
    of: Mapping[str, tuple[Rule, ...]]
    sha256: str

    @property
    def classes(self) -> tuple[str, ...]:
        """The rare classes, in order."""
        return tuple(self.of)

    def score(
        self, texts: Sequence[str], progress: Progress = silent, *, patience_seconds: float | None = None
    ) -> Signs:
        """Return how many rules of each class match each text, of shape (n_texts, n_classes).

        Raises
        ------
        PlanRefused
            A rule takes longer than `patience_seconds`, by default 10 and .00005 a text.
        """
        allowed = PATIENCE_SECONDS + PATIENCE_SECONDS_A_TEXT * len(texts)
        found, matches = np.zeros((len(texts), len(self.of))), {}
        short = [text[:LONGEST] for text in texts]
        rules = [(column, rule) for column, each in enumerate(self.of.values()) for rule in each]
        for done, (column, rule) in enumerate(rules, 1):
            hits = self._hits(rule, short, allowed if patience_seconds is None else patience_seconds)
            found[:, column] += hits
            matches[f"{rule.place}: {rule.said}"] = int(hits.sum())
            progress("rules", done, len(rules))
        return Signs(found, matches)

    def _hits(self, rule: Rule, texts: Sequence[str], seconds: float) -> npt.NDArray[np.bool_]:
        search, found = rule.pattern.search, np.zeros(len(texts), np.bool_)
        done = 0
        try:
            with at_most(seconds):
                for done, text in enumerate(texts):
                    found[done] = search(text) is not None
        except OutOfPatience:
            raise PlanRefused(
                f"{self.path}: {rule.place} took {seconds:.0f} s for {done:,} of {len(texts):,} texts; "
                "repeats within repeats, as in (a+)+, never end: write it without"
            ) from None
        return found


def read_rules(path: Path, rare: Sequence[str] = ()) -> Rules:
    """Read the rules of the `rare` classes, or of all classes of the file.

    Raises
    ------
    PlanRefused
        In one line that names the class and what is allowed.
    """
    found = _loaded(path)
    if missing := [name for name in rare if name not in found]:
        raise PlanRefused(f"{path}: no rules of {missing[0]!r}; the classes are {', '.join(found)}")
    compiled = {name: _compiled(path, name, rules) for name, rules in found.items()}
    used = {name: compiled[name] for name in dict.fromkeys(rare or found)}
    said = repr([(name, [each.pattern.pattern for each in rules]) for name, rules in used.items()])
    return Rules(path, used, hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest())


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanRefused(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise PlanRefused(f"{path}: is not UTF-8; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" line {mark.line + 1}:"
        problem = " ".join(str(getattr(error, "problem", None) or type(error).__name__).split())
        raise PlanRefused(f"{path}:{line} is not YAML ({problem}); {_FORM}") from error
    if not isinstance(found, dict) or not found:
        raise PlanRefused(f"{path}: holds no classes; {_FORM}")
    for name in found:
        if not isinstance(name, str) or not name.strip():
            raise PlanRefused(f"{path}: class {name!r} is not a text; put it in quotes")
        if name in RESERVED_LABELS:
            raise PlanRefused(f"{path}: {LabelReserved(name)}")
    return found


def _compiled(path: Path, name: str, rules: object) -> tuple[Rule, ...]:
    if not isinstance(rules, dict) or not rules:
        raise PlanRefused(f"{path}: class {name!r} has no rules; {_FORM}")
    for kind in rules:
        if kind not in _KINDS:
            raise PlanRefused(f"{path}: class {name!r} has the key {kind!r}; allowed are {', '.join(_KINDS)}")
    return tuple(
        _rule(path, name, kind, number, rule)
        for kind in _KINDS
        for number, rule in enumerate(_listed(path, name, kind, rules.get(kind)), 1)
    )


def _listed(path: Path, name: str, kind: str, rules: object) -> list[object]:
    if rules is None:
        return []
    if not isinstance(rules, list) or not rules:
        raise PlanRefused(f"{path}: {kind} of class {name!r}: expected a list, as [one, two]")
    return rules


def _rule(path: Path, name: str, kind: str, number: int, rule: object) -> Rule:
    place = f"{kind} {number} of class {name!r}"
    where = f"{path}: {place}"
    if not isinstance(rule, str) or not rule.strip():
        raise PlanRefused(f"{where} is {rule!r}; expected a text, put it in quotes")
    if kind == "keywords":
        words = r"\s+".join(map(re.escape, rule.split()))
        return Rule(place, rule, re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # what may mean something else one day is said now
            found = re.compile(rule, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        raise PlanRefused(f"{where} is no regular expression ({error}); correct it") from error
    if found.search(""):
        raise PlanRefused(f"{where} matches an empty text, so it matches all; make it say something")
    return Rule(place, rule, found)
