"""A plan spends what is left, changes its mind when labels say so, and hands out nothing twice."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from model_store.data.csvfile import Progress
from model_store.data.signatures import minhash
from monitoring.errors import PlanRefused
from monitoring.plan.ahead import Asked
from monitoring.plan.earlier import Earlier
from monitoring.plan.forecast import Expected
from monitoring.plan.labelled import Labelled
from monitoring.plan.planning import Plan, make_plan
from monitoring.plan.pool import Pool
from monitoring.plan.signs import Signs

N = 200
WORDS = np.random.default_rng(0).permutation(10**6)[: 3 * N].reshape(N, 3)
TEXTS = tuple(" ".join(f"{word:x}" for word in row) for row in WORDS.tolist())
POOL = Pool(Path("pool.csv"), TEXTS, ("app", "mail") * (N // 2), None, tuple(f"k{n}" for n in range(N)))
ASKED = Asked(budget=100, wave=40, rare=("fraud",), chosen_by="rules 1")


def hits(texts: Sequence[str], _progress: Progress) -> Signs:
    """Return a hit for every fourth row of the pool."""
    found = np.array([[float(TEXTS.index(text) % 4 == 0)] for text in texts])
    return Signs(found, {"the rule": int(found.sum())})


def planned(asked: Asked = ASKED, labelled: Labelled | None = None, earlier: Sequence[Earlier] = ()) -> Plan:
    """Return a plan of the pool."""
    return make_plan(POOL, asked, hits, labelled=labelled or Labelled(), earlier=earlier)


def handed_out(plan: Plan, *, rare: str, others: str) -> tuple[Labelled, Earlier]:
    """Return a wave as it comes back, its rare slice with one label and the others with another."""
    assert plan.wave is not None
    items = {POOL.keys[item.row]: (item.slice, item.rare) for item in plan.wave.items}
    labels = [frozenset({rare if slice_ == "rare" else others}) for slice_, _ in items.values()]
    texts = tuple(TEXTS[int(key[1:])] for key in items)
    return Labelled(tuple(items), texts, tuple(labels)), Earlier(plan.number, "rules 1", items)


def test_a_first_plan_promises_nothing() -> None:
    """Between none and all of the rare slice, in each wave of the budget."""
    plan = planned()
    assert [each.items for each in plan.ahead] == [40, 40, 20]
    assert plan.ahead[0].expected == {"fraud": Expected(0, plan.ahead[0].slices["rare"], "hits")}
    assert [each.expected["fraud"].basis for each in plan.ahead[1:]] == ["unknown"] * 2
    assert (plan.number, plan.spent, plan.waves_left, plan.stop.verdict) == (1, 0, 3, "unknown")
    assert (plan.candidates, plan.matches, plan.labels) == ({"fraud": 50}, {"the rule": 50}, {})


def test_later_waves_plan_with_the_hits_that_are_left() -> None:
    """All waves together have no more than the rules match, and the rest is spread out."""
    plan = planned()
    assert sum(each.slices["rare"] for each in plan.ahead) <= 50
    assert all(sum(each.slices.values()) == each.items == sum(each.sources.values()) for each in plan.ahead)


def test_a_following_wave_knows_its_rates_and_repeats_nothing() -> None:
    """What was handed out is spent and out of the pool."""
    labelled, earlier = handed_out(planned(), rare="fraud", others="ok")
    plan = planned(labelled=labelled, earlier=[earlier])
    assert (plan.number, plan.spent, plan.fresh.taken, plan.stop.verdict) == (2, 40, 40, "go on")
    assert plan.wave is not None
    assert not {POOL.keys[item.row] for item in plan.wave.items} & set(earlier.items)
    expected = plan.ahead[0].expected["fraud"]
    assert (expected.basis, expected.estimate) == ("measured", plan.ahead[0].slices["rare"])
    assert expected.low < plan.ahead[0].slices["rare"] < expected.high


def test_a_wave_handed_in_twice_is_spent_once() -> None:
    """Its labels are counted by name."""
    labelled, earlier = handed_out(planned(), rare="fraud", others="ok")
    plan = planned(labelled=labelled, earlier=[earlier, earlier])
    rare = sum(slice_ == "rare" for slice_, _ in earlier.items.values())
    assert (plan.spent, plan.labels) == (40, {"fraud": rare, "ok": 40 - rare})


def test_a_wave_that_is_missing_is_named() -> None:
    """Without its manifest its items would come again, and cost nothing."""
    later = Earlier(3, "rules 1", {"k1": ("rare", "fraud")})
    with pytest.raises(PlanRefused, match="the manifest of wave 1 is missing; name it with --manifest"):
        planned(earlier=[later])


def test_what_a_model_was_made_from_is_not_chosen() -> None:
    """Nor what is like it; a pool of nothing else is refused."""
    plan = make_plan(POOL, ASKED, hits, labelled=Labelled(), earlier=(), seen=minhash(TEXTS[:50]))
    assert plan.fresh.rows.tolist() == list(range(50, N))
    assert plan.fresh.taken == 50
    with pytest.raises(PlanRefused, match="were handed out before, or the model was made from them"):
        make_plan(POOL, ASKED, hits, labelled=Labelled(), earlier=(), seen=minhash(TEXTS))


def test_a_wave_that_found_nothing_stops() -> None:
    """No wave is made then."""
    labelled, earlier = handed_out(planned(), rare="ok", others="fraud")
    plan = planned(labelled=labelled, earlier=[earlier])
    assert (plan.stop.verdict, plan.wave, plan.ahead) == ("stop", None, ())


def test_rules_that_match_nothing_more_stop() -> None:
    """However much they found: what is left would be no better than a random wave."""
    labelled, earlier = handed_out(planned(), rare="fraud", others="ok")
    rest = [n for n in range(0, N, 4) if POOL.keys[n] not in labelled.keys]
    more = Labelled(
        (*labelled.keys, *(POOL.keys[n] for n in rest)),
        (*labelled.texts, *(TEXTS[n] for n in rest)),
        (*labelled.labels, *(frozenset({"fraud"}) for _ in rest)),
    )
    plan = planned(labelled=more, earlier=[earlier])
    assert (plan.stop.verdict, plan.wave, plan.candidates) == ("stop", None, {"fraud": 0})


@pytest.mark.parametrize("later", [False, True], ids=["first", "after other rules"])
def test_rules_that_never_matched_make_no_wave(later: bool) -> None:
    """Its budget would go to items that nothing speaks for: more likely the rules are mistaken."""
    labelled, earlier = handed_out(planned(), rare="fraud", others="ok") if later else (Labelled(), None)
    asked = Asked(budget=100, wave=40, rare=("fraud",), chosen_by="rules 2")
    nothing = lambda texts, _progress: Signs(np.zeros((len(texts), 1)), {"the rule": 0})  # noqa: E731
    plan = make_plan(POOL, asked, nothing, labelled=labelled, earlier=[earlier] if earlier else [])
    assert (plan.stop.verdict, plan.wave, plan.ahead, plan.measured) == ("stop", None, (), {})
    assert plan.matches == {"the rule": 0}


def test_other_rules_start_anew() -> None:
    """Their yield is unknown, so nothing stops them; what was handed out stays spent."""
    labelled, earlier = handed_out(planned(), rare="ok", others="fraud")
    other = Asked(budget=100, wave=40, rare=("fraud",), chosen_by="rules 2")
    plan = planned(other, labelled, [earlier])
    assert (plan.number, plan.spent, plan.stop.verdict, plan.measured) == (2, 40, "unknown", {})
    assert plan.ahead[0].expected["fraud"].basis == "hits"


def test_a_pool_smaller_than_a_wave_gives_what_it_has() -> None:
    """One wave, and none after it."""
    plan = planned(Asked(budget=900, wave=500, rare=("fraud",), chosen_by="rules 1"))
    assert [each.items for each in plan.ahead] == [N]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(40, 40, ("fraud",), "rules 1"), "the budget of 40 is spent"),
        (
            Asked(900, 40, ("fraud",), "rules 1", caps={"fax": 0.1}),
            "no source 'fax' to cap; the sources are app, mail",
        ),
    ],
    ids=["spent", "cap"],
)
def test_what_cannot_be_planned_is_refused(asked: Asked, said: str) -> None:
    """In one line."""
    labelled, earlier = handed_out(planned(), rare="fraud", others="ok")
    with pytest.raises(PlanRefused, match=said):
        planned(asked, labelled, [earlier])


def test_a_pool_that_was_handed_out_whole_is_refused() -> None:
    """By its texts too."""
    everything = Labelled(POOL.keys, TEXTS, (frozenset({"ok"}),) * N)
    with pytest.raises(PlanRefused, match="all 200 rows, or near-duplicates of them, were handed out before"):
        planned(labelled=everything)
