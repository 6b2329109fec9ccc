"""Small seeded versions of the wave benchmarks: a synthetic set, and the public ones where they are there."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.waves import main
from benchmarks.waves_data import PROBLEMS, PUBLIC, SOURCES, missing
from benchmarks.waves_goals import Goal, goals_text, three_wave_goals, wave_goals
from benchmarks.waves_judged import Judge
from benchmarks.waves_pools import NOTHING, everything, kept
from benchmarks.waves_report import reservoir_text, three_waves_plot, three_waves_text, waves_plot, waves_text
from benchmarks.waves_reservoirs import reservoirs
from benchmarks.waves_rivals import Lookup, asked_for, strategies
from benchmarks.waves_runs import OURS, Scene, Task, choose, compare, three_waves


@pytest.fixture(scope="module")
def scene() -> Scene:
    """Return the synthetic problem with its model."""
    return Scene.of("synthetic", 1)


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems_have_the_shares_they_say_and_share_no_group(name: str):
    """The told classes rise or appear, and no text of a training row is in the traffic or the test."""
    if name in PUBLIC and missing():
        pytest.skip(f"{missing()[0]} is not there")
    problem = PROBLEMS[name](2)
    before, after = (np.isin(part.labels, problem.told).mean() for part in (problem.train, problem.test))
    # Validation too is as it was: thresholds must not know of the change.
    assert np.isin(problem.validation.labels, problem.told).mean() == pytest.approx(before, abs=0.002)
    assert after > 3 * before
    assert set(problem.watched) <= set(problem.told)
    known = {" ".join(text.lower().split()) for text in problem.train.texts}
    assert not known & {" ".join(text.lower().split()) for text in problem.traffic.texts}
    assert set(problem.traffic.sources) == set(SOURCES)
    assert len(set(problem.traffic.texts)) < len(problem.traffic)  # some are resent


@pytest.mark.parametrize("rival", strategies(200))
def test_rivals_ask_for_as_many_open_rows_as_they_should(scene: Scene, rival: str):
    """Every strategy of small-text works on looked-up probabilities, the same rows for the same seed."""
    probabilities = scene.served.decisions.probabilities[:400]
    rng = np.random.default_rng(3)
    pool = Lookup(probabilities, rng.normal(size=(400, 8)).astype(np.float32))
    known = Lookup(probabilities[:50], rng.normal(size=(50, 8)).astype(np.float32))
    open_rows = np.arange(100, 400)
    asked = {"open_rows": open_rows, "batch_size": 30, "seed": 4}
    picked = asked_for(rival, pool, known, **asked)
    assert len(set(picked.tolist())) == 30
    assert np.isin(picked, open_rows).all()
    assert rival == "k-means" or (picked == asked_for(rival, pool, known, **asked)).all()


def test_margin_is_the_smallest_difference_of_the_best_two(scene: Scene):
    """small-text's BreakingTies asks for what `1 - (p1 - p2)` ranks first."""
    probabilities = scene.served.decisions.probabilities
    pool = Lookup(probabilities, np.zeros((len(probabilities), 2), np.float32))
    rows = np.arange(len(pool))
    picked = asked_for("margin", pool, pool[rows[:5]], open_rows=rows, batch_size=40, seed=5)
    best = np.sort(probabilities, axis=1)[:, -2:]
    margins = best[:, 1] - best[:, 0]
    assert margins[picked].max() <= np.sort(margins)[39] + 1e-7


def test_the_judge_counts_near_duplicates_once(scene: Scene):
    """A copy of an item, of one taken before, or of a labelled one is no find."""
    traffic = scene.problem.traffic
    texts = traffic.texts.tolist()
    copy = next(row for row, text in enumerate(texts) if texts.index(text) < row)
    first = texts.index(texts[copy])
    judge = Judge(traffic, np.array(["nothing like it at all"], dtype=object), [traffic.labels[first]])
    both = judge.judge(np.array([first, copy]))
    assert (both.found, both.near_duplicates) == (1, 0.5)
    assert judge.judge(np.array([copy]), taken=np.array([first])).found == 0
    labelled = Judge(traffic, traffic.texts[[first]], [traffic.labels[first]])
    assert labelled.judge(np.array([copy])).near_duplicates == 1.0


def test_a_wave_finds_far_more_than_chance_and_repeats_nothing():
    """On the synthetic set, 100 labels: three times random's, at most 1 % near-duplicates, better after."""
    rows = compare(Task("synthetic", 1, (100,), (OURS, "random", "margin")))
    of = {row.rival: row for row in rows}
    assert of[OURS].judged.found >= 3 * of["random"].judged.found
    assert of[OURS].judged.near_duplicates <= 0.01 < of["random"].judged.near_duplicates
    assert of[OURS].before is not None
    assert of[OURS].after is not None
    assert of[OURS].limit is not None
    assert of[OURS].limit.told_f1 > of[OURS].after.told_f1 > of[OURS].before.told_f1
    text = waves_text(rows)
    assert "synthetic, 100 labels\nbefore: macro-F1" in text
    assert "labels a point of macro-F1, 100, margin's" in text
    assert "labels a point of their F1, 100" in text
    assert waves_plot(rows).startswith("<svg")


def test_three_waves_take_nothing_twice_and_stay_within_the_caps():
    """No row is in two waves; what is found adds up; the caps of sources are kept where there is enough."""
    steps = three_waves(Task("synthetic", 1, (100,)))
    ours = [step for step in steps if step.rival == OURS]
    assert [step.wave for step in ours] == [1, 2, 3]
    assert ours[-1].found_so_far == sum(step.judged.found for step in ours)
    chat = SOURCES.index("chat")
    assert all(step.judged.sources[chat] <= 0.35 + 1e-9 for step in ours)
    assert "found in two waves, times random's" in three_waves_text(steps)
    assert {goal.said for goal in three_wave_goals(steps)} >= {
        "synthetic: clusters after wave 3, of random's"
    }
    assert three_waves_plot(steps).startswith("<svg")


def test_a_reservoir_over_some_epochs_loses_next_to_nothing():
    """Of the synthetic traffic, in which six classes share the slots."""
    found = reservoirs(Task("synthetic", 1, (100,)), epochs=(1, 4))
    shape = [row.setting.words for row in found]
    ages = ("1 epoch, running", "1 epoch, recent", "1 epoch, old", "4 epochs, old")
    busy = ("4 busy epochs, recent", "4 busy epochs, old")
    assert shape == [words + told for words in (*ages, *busy) for told in ("", ", declared")]
    running, _, recent, _, once, told, often, declared, *many = found
    assert many[0].candidates == recent.candidates
    assert many[0].found_in_all < often.found_in_all
    for row in (running, recent, often, declared, *many):
        assert row.found >= 0.98 * row.found_in_all - 1  # one item of so few is more than 2 %
    assert told.found >= 0.9 * told.found_in_all  # all of it in ten minutes, in five batches' slots
    assert once.found >= 0.9 * once.found_in_all  # though nobody had said which class matters
    assert once.candidates < often.candidates < recent.candidates <= running.candidates
    assert "| synthetic | 100 | 4 | old | yes |" in reservoir_text(found)
    assert "| synthetic | 100 | 4 busy | old | yes |" in reservoir_text(found)


def test_kept_candidates_are_some_of_everything(scene: Scene):
    """A reservoir reports the candidates of the whole pool, fewer of them, with the same draws."""
    traffic = scene.problem.traffic
    whole = {one.key: one for one in everything(traffic, scene.served, seed=7)}
    some = kept(traffic, scene.served, rows=np.arange(len(traffic)), batch_size=20, seed=7)
    assert 0 < len(some) < len(whole)
    assert all(one.priority == whole[one.key].priority and one.kinds <= whole[one.key].kinds for one in some)


def test_choosing_again_chooses_others(scene: Scene):
    """What is labelled, and what resembles it, is not chosen by a second wave; draws go on."""
    first = choose(scene, OURS, batch_size=60, seed=8)
    second = choose(scene, OURS, batch_size=60, seed=9, taken=NOTHING.with_(first))
    assert not set(first.rows.tolist()) & set(second.rows.tolist())
    assert len(first.drawn)
    assert len(second.drawn)


def test_a_goal_is_met_on_its_side():
    """At least and at most; the table says which."""
    goals = [Goal("a", 0.5, 0.4), Goal("b", 0.5, 0.4, least=False), Goal("c", float("inf"), 75, least=False)]
    assert [goal.met for goal in goals] == [True, False, False]
    assert "| b | <= 0.40 | 0.50 | missed |" in goals_text(goals)
    assert wave_goals([]) == []


def test_the_command_writes_text_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """With the machine and the date; a quick run trains nothing."""
    quick = ["--quick", "--problem", "synthetic", "--sizes", "40", "--processes", "1", "--out", str(tmp_path)]
    main([*quick, "--part", "compare"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compare.svg", "compare.txt"]
    written = (tmp_path / "compare.txt").read_text()
    assert written.startswith("machine: ")
    assert "| seamark |" in written
    assert "| - |" in written
    assert capsys.readouterr().out == written
