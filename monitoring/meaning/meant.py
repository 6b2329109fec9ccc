"""Meant: what was found out about the meaning of a drift, and how is it told to programs?"""

from dataclasses import dataclass
from typing import Any, Final

from monitoring.meaning.both_sides import DRAWS
from monitoring.meaning.expected import Expected
from monitoring.meaning.gate import LEVEL, Gate
from monitoring.meaning.proposal import ClaimStanding
from monitoring.meaning.shift import Z95, Estimate
from monitoring.meaning.verdict import ClassPrior

UNTESTED: Final = Gate(None, None, None)


@dataclass(frozen=True, slots=True)
class Meant:
    """What was found out.

    Attributes
    ----------
    items, effective : int
        Live items, and how many independent ones they are worth.
    withheld : str
        Why there are no priors; empty where there are.
    method : str or None
        Where the priors are from: `em`, the mixture over joint bins, or `bbse`.
    second : Estimate or None
        The other estimate, and in `differ` the classes where the two contradict each other.
    gate_why, expected_why : str
        What the gate cannot see; why nothing is expected.
    none_of_them : ClassPrior or None
        Items of no class, where validation has such.
    """

    items: int
    effective: int
    withheld: str = ""
    method: str | None = None
    priors: tuple[ClassPrior, ...] = ()
    second: Estimate | None = None
    differ: tuple[str, ...] = ()
    gate: Gate = UNTESTED
    gate_why: str = ""
    expected: tuple[Expected, ...] | None = None
    expected_why: str = ""
    claims: tuple[ClaimStanding, ...] = ()
    none_of_them: ClassPrior | None = None
    caveats: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return everything but the sentence."""
        second = self.second
        return {
            "items": self.items,
            "effective_items": self.effective,
            "withheld": self.withheld or None,
            "method": self.method,
            "classes": [
                _prior_json(prior, None if second is None else (second.priors[i], second.errors[i]))
                for i, prior in enumerate(self.priors)
            ],
            "none_of_them": None if self.none_of_them is None else _prior_json(self.none_of_them, None),
            "agreement": None if second is None else {"agree": not self.differ, "differ": list(self.differ)},
            "gate": {
                "passed": self.gate.passed,
                "p": self.gate.p,
                "level": LEVEL,
                "draws": DRAWS,
                "unfamiliar_share": self.gate.unfamiliar,
                "why": self.gate_why,
            },
            "expected": None if self.expected is None else [each.to_json() for each in self.expected],
            "expected_is": "an estimate, without labels",
            "expected_withdrawn": self.expected_why or None,
            "claims": [claim.to_json() for claim in self.claims],
            "caveats": list(self.caveats),
        }


def _prior_json(prior: ClassPrior, second: tuple[float, float] | None) -> dict[str, Any]:
    entry = {
        "class": prior.name,
        "validation": prior.before,
        "estimate": prior.estimate,
        "low": prior.low,
        "high": prior.high,
        "caveat": prior.caveat or None,
        "second": None,
    }
    if second is None:
        return entry
    share, error = (float(each) for each in second)
    low, high = max(share - Z95 * error, 0.0), min(share + Z95 * error, 1.0)
    return entry | {"second": {"estimate": share, "low": low, "high": high}}
