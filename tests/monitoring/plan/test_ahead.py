"""The waves after the next are planned from what it leaves, and expected by what was found so far."""

from collections.abc import Mapping

import pytest

from monitoring.plan.ahead import SHOWN, Ahead, Asked, look_ahead
from monitoring.plan.choose import Item, Wave
from monitoring.plan.earlier import Tally
from monitoring.plan.forecast import Expected
from monitoring.plan.shares import SLICES, Slice

RARE = tuple(Item(row, "rare", "app", 1, 1.0, "fraud", 0.5) for row in range(22))
OTHERS = tuple(Item(row, "spread", "app", 1, 1.0) for row in range(22, 34))
DRAWN = tuple(Item(row, "explore", "app", 1, 0.05) for row in range(34, 40))
WAVE = Wave((*RARE, *OTHERS, *DRAWN), {"rare": 22, "spread": 12, "explore": 6}, {"app": 40}, {"fraud": 22})
MEASURED = dict.fromkeys(SLICES, Tally()) | {
    "rare": Tally(10, 20),
    "spread": Tally(0, 20),
    "explore": Tally(1, 20),
}


def ahead(
    *,
    basis: str = "hits",
    counts: tuple[int, ...] = (40, 40, 40, 40),
    signs: int = 30,
    measured: Mapping[str, Mapping[Slice, Tally]] | None = None,
    of_traffic: bool = True,
) -> list[Ahead]:
    """Return the waves of a pool of 200 rows of one source, of which `signs` have any sign of fraud."""
    asked = Asked(
        budget=sum(counts),
        wave=40,
        rare=("fraud",),
        chosen_by="it",
        basis="model" if basis == "model" else "hits",
        of_traffic=of_traffic,
    )
    return list(
        look_ahead(
            WAVE,
            asked=asked,
            number=1,
            counts=counts,
            sources={"app": 200},
            candidates={"fraud": signs},
            lacking={"fraud": 15},
            measured=measured or {},
        )
    )


def test_three_waves_are_shown() -> None:
    """Of more, the first three; each adds up over slices and sources."""
    found = ahead()
    assert [each.number for each in found] == list(range(1, SHOWN + 1))
    assert all(sum(each.slices.values()) == each.items == sum(each.sources.values()) for each in found)


def test_signs_that_are_used_up_leave_their_place_to_others() -> None:
    """Of 30 hits the first wave has 22: eight are left for the second, none for the third."""
    found = ahead()
    assert [each.slices["rare"] for each in found] == [22, 8, 0]
    assert [each.slices["spread"] for each in found] == [12, 26, 34]
    assert found[1].expected == {"fraud": Expected(0, 8, "unknown")}


def test_a_model_s_waves_have_the_service_s_slices() -> None:
    """The next one is expected by the model's probabilities: 22 of a half are 11, give or take five."""
    found = ahead(basis="model", signs=200)
    assert found[0].expected["fraud"] == Expected(6, 16, "model", 11.0)
    assert found[1].slices == {"rare": 26, "novel": 4, "uncertain": 4, "explore": 6}


def test_by_a_model_of_chosen_items_nothing_is_expected() -> None:
    """Its probabilities are those of another mix: of 547 real tweets 359 were promised and 162 found."""
    found = ahead(basis="model", signs=200, of_traffic=False)
    assert found[0].expected["fraud"] == Expected(0, 22, "unknown")


@pytest.mark.parametrize("basis", ["hits", "model"])
def test_what_was_measured_goes_before_everything_else(basis: str) -> None:
    """11 of the rare slice and .3 of the explored one, in the next wave and those after it."""
    found = ahead(basis=basis, signs=200, measured={"fraud": MEASURED})
    assert found[0].expected["fraud"].basis == "measured"
    assert found[0].expected["fraud"].estimate == pytest.approx(22 * 0.5 + 6 * 0.05)
