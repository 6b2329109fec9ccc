"""What did earlier waves hand out, and how often did each of their slices find a rare class?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from monitoring.errors import PlanRefused
from monitoring.meaning.wording import number_of
from monitoring.plan.labelled import Labelled
from monitoring.plan.shares import SLICES, Slice

KIND: Final = "seamark plan"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The manifest of an earlier wave; `chosen_by` is the digest of what ranked its rare slice."""

    wave: int
    chosen_by: str
    items: Mapping[str, tuple[Slice, str | None]]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many labelled items of a slice were of the class."""

    positives: int = 0
    labels: int = 0


def read_manifest(path: Path) -> Earlier:
    """Read the manifest that `seamark plan` wrote beside a batch.

    Raises
    ------
    PlanRefused
        If it is none.
    """
    expected = "expected the manifest.json that `seamark plan` wrote beside a batch"
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if found["kind"] != KIND:
            raise PlanRefused(f"{path}: is another kind of file; {expected}")
        items = {str(key): (each["slice"], each["class"]) for key, each in found["items"].items()}
        if any(slice_ not in SLICES for slice_, _ in items.values()):
            raise PlanRefused(f"{path}: has an unknown slice; allowed are {', '.join(SLICES)}")
        return Earlier(int(found["wave"]), str(found["chosen_by"]), items)
    except OSError as error:
        raise PlanRefused(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanRefused(f"{path}: cannot be understood; {expected}") from error


def check_manifests(path: Path, labelled: Labelled, waves: Sequence[Earlier]) -> None:
    """Refuse labels of a wave that has no manifest here: its budget would count for nothing.

    Raises
    ------
    PlanRefused
        If the file shows that a plan handed out items which none of the waves has.
    """
    unknown = labelled.by_plan.difference(*(wave.items for wave in waves))
    if unknown:
        items = number_of(len(unknown), "of its items was", "of its items were")
        raise PlanRefused(
            f"{path}: {items} handed out by a plan, and no manifest has them; name the manifest.json of "
            "every wave with --manifest"
        )


def tallies(labelled: Labelled, waves: Sequence[Earlier], classes: Sequence[str]) -> dict[Slice, Tally]:
    """Return per slice the labelled items of these waves and how many are of any of the classes.

    Of the rare slice only what was chosen for one of these classes counts.
    """
    slices = {key: found for wave in waves for key, found in wave.items.items()}
    result: dict[Slice, Tally] = dict.fromkeys(SLICES, Tally())
    for key, labels in zip(labelled.keys, labelled.labels, strict=True):
        if not labels or key not in slices:
            continue
        slice_, chosen_for = slices[key]
        if slice_ == "rare" and chosen_for not in classes:
            continue
        was = result[slice_]
        result[slice_] = Tally(was.positives + (not labels.isdisjoint(classes)), was.labels + 1)
    return result
