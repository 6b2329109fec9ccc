"""How are the items of the watched slice shared among classes? By how many positives each lacks for a claim.

Classes that an alarm names, or whose share has risen, come first: their positives from before the change
count for nothing. Classes that merely lack positives share what is left, and all of it when nothing moved.
"""

from collections.abc import Mapping, Sequence
from typing import Final

MOVED_SHARE: Final = 0.75  # of the watched slice, where there are classes of both kinds
RISEN: Final = 1.5  # times its old share, by the lower bound of the new one


def quotas(total: int, *, moved: Sequence[str], lacking: Mapping[str, int], target: int) -> Mapping[str, int]:
    """Return how many items are asked for per class, classes with none left out.

    Parameters
    ----------
    moved : sequence of str
        Classes named by an alarm or by the caller, and those whose share has risen, in this order.
    lacking : mapping of str to int
        Positives that a class lacks for its claim.
    target : int
        Positives that a moved class needs when it lacks none: what it takes to prove its target anew.

    Examples
    --------
    >>> dict(quotas(10, moved=["fraud"], lacking={"spam": 30, "fraud": 2}, target=15))
    {'fraud': 8, 'spam': 2}
    >>> dict(quotas(9, moved=[], lacking={"spam": 30, "abuse": 15}, target=15))
    {'spam': 6, 'abuse': 3}
    """
    first = {name: max(lacking.get(name, 0), target, 1) for name in dict.fromkeys(moved)}
    rest = {name: n for name, n in lacking.items() if n > 0 and name not in first}
    n_first = total if not rest else min(round(MOVED_SHARE * total + 1e-9), total) if first else 0
    return _shared(n_first if first else 0, first) | _shared(total - n_first if rest else 0, rest)


def risen(priors: Mapping[str, tuple[float, float]]) -> Sequence[str]:
    """Return the classes whose share grew by half or more, from their old one and a lower bound now."""
    return [name for name, (old, lower) in priors.items() if lower > RISEN * old]


def _shared(total: int, needs: Mapping[str, int]) -> dict[str, int]:
    """Share in proportion to the needs; what does not divide goes to the largest remainders."""
    everything = sum(needs.values())
    exact = {name: total * need / everything for name, need in needs.items()}
    found = {name: int(share) for name, share in exact.items()}
    place = {name: at for at, name in enumerate(needs)}
    order = sorted(needs, key=lambda name: (found[name] - exact[name], -needs[name], place[name]))
    for name in order[: total - sum(found.values())]:
        found[name] += 1
    return {name: n for name, n in found.items() if n}
