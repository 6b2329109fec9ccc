"""A wave holds what the alarm is about, uncertain items and a fair sample: same input, same bytes."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from model_store.data.signatures import groups, minhash
from monitoring.recording.ranking import nearness
from monitoring.recording.reservoir import Candidate, draw_limit
from monitoring.waves.strata import all_time
from monitoring.waves.taken import Taken
from monitoring.waves.wave import select
from tests.support import waves
from tests.support.waves import CLASSES, THRESHOLDS, WORDS, as_bytes, population, text_of, wave_of


def test_slices_get_what_they_ask():
    """65 / 20 / 15 of a hundred, the watched slice with the highest probabilities of the watched class."""
    candidates = population(800, seed=1)
    wave = wave_of(candidates)
    assert wave.manifest["slices"]["watched"] == {"asked": 65, "got": 65}
    assert wave.manifest["slices"]["novel"] == {"asked": 10, "got": 0}  # nothing says what is known
    assert wave.manifest["slices"]["uncertain"] == {"asked": 10, "got": 20}
    assert wave.manifest["slices"]["explore"]["asked"] == 15
    drawn = {item.key for item in wave.items if item.slice == "explore"}
    left = [one for one in candidates if one.key not in drawn]
    by_fraud = sorted(left, key=lambda one: -float(one.probabilities[3]))
    assert {item.key for item in wave.items if item.slice == "watched"} == {one.key for one in by_fraud[:65]}
    assert len(wave.items) == 100
    assert [item.rank for item in wave.items] == list(range(1, len(wave.items) + 1))
    assert len({item.key for item in wave.items}) == len(wave.items)


def test_without_a_watched_class_its_share_goes_to_what_is_novel():
    """A wave asked for by hand, with no alarm, seeks what the model does not know."""
    wave = wave_of(population(800, seed=2), watched=())
    assert wave.manifest["slices"]["watched"] == {"asked": 0, "got": 0}
    assert wave.manifest["slices"]["novel"]["asked"] == 65
    assert wave.manifest["slices"]["uncertain"]["asked"] == 20


def test_where_the_mix_does_not_explain_the_traffic_novel_items_take_half_of_the_watched_share():
    """The model knows what it is sure of; what it never saw is found in the novel slice."""
    candidates = population(1_000, seed=2)
    asked = {}
    for unexplained in (False, True):
        wave = wave_of(candidates, watched=["fraud"], batch_size=100, unexplained=unexplained)
        asked[unexplained] = {name: each["asked"] for name, each in wave.manifest["slices"].items()}
    moved = asked[False]["watched"] - asked[True]["watched"]
    assert moved == pytest.approx(asked[False]["watched"] / 2, abs=1)
    assert asked[True]["novel"] == pytest.approx(asked[False]["novel"] + moved, abs=1)
    assert asked[True]["uncertain"] == pytest.approx(asked[False]["uncertain"], abs=1)


def test_several_watched_classes_share_evenly():
    """Two classes get 33 and 32 of the 65."""
    wave = wave_of(population(800, seed=3), watched=("fraud", "delivery", "fraud"))
    assert wave.manifest["watched_classes"] == {
        "fraud": {"asked": 33, "got": 33},
        "delivery": {"asked": 32, "got": 32},
    }


def test_watching_no_class_passes_takes_items_that_no_class_passed():
    """When the share of unanswered items rises, they are what the labelers should see."""
    wave = wave_of(population(800, seed=4), watched=("no_class_passes",))
    watched = [item for item in wave.items if item.slice == "watched"]
    assert len(watched) == 65
    assert {item.predicted for item in watched} == {None}


def test_order_of_candidates_does_not_matter():
    """The same candidates in another order, some given twice, are the same bytes."""
    candidates = population(500, seed=5)
    shuffled = candidates + candidates[:50]
    random.Random(5).shuffle(shuffled)
    counts = Counter(one.source for one in candidates)
    first, second = wave_of(candidates), wave_of(shuffled, epoch_counts=all_time(counts))
    assert first.items == second.items
    np.testing.assert_array_equal(first.signatures, second.signatures)
    assert as_bytes(wave_of(candidates)) == as_bytes(wave_of(candidates[::-1]))


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_every_process_makes_the_same_batch(seed: str):
    """Whatever the seed of its hashes of strings: a watcher that takes over makes the batch of the first."""
    place, name = waves.__file__, waves.digest_of_a_wave_with_every_slice.__name__
    done = subprocess.run(
        [sys.executable, "-c", f"import runpy; print(runpy.run_path({place!r})[{name!r}]())"],
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == waves.digest_of_a_wave_with_every_slice()


def test_an_item_that_is_drawn_is_not_chosen_by_score_too():
    """However high its score: also where the draw is a later occurrence, which is held as a draw only."""
    candidates = population(300, seed=5)
    best = max(candidates, key=lambda one: one.probabilities[3])
    again = replace(best, at=9_999.0, priority=0.0, kinds=frozenset({f"random:{best.source}"}))
    wave = wave_of([*candidates, again], batch_size=20)
    assert [item.slice for item in wave.items if item.key == best.key] == ["explore"]
    assert len(wave.items) == 20


def test_the_seed_shuffles_and_nothing_else():
    """Another alarm over the same candidates has the same items in another order, unrelated to slice."""
    candidates = population(500, seed=6)
    first = wave_of(candidates)
    second = select(
        candidates,
        epoch_counts=all_time(Counter(one.source for one in candidates)),
        watched=("fraud",),
        classes=CLASSES,
        thresholds=THRESHOLDS,
        batch_size=100,
        seed="alarm-2",
    )
    assert {item.key for item in first.items} == {item.key for item in second.items}
    assert [item.key for item in first.items] != [item.key for item in second.items]
    ranks = [item.rank for item in first.items if item.slice == "watched"]
    assert min(ranks) < 20 and max(ranks) > 80  # noqa: PT018 - one statement about one list


def test_signatures_belong_to_the_items():
    """Row i of the signatures is the signature of item i, so that the next wave can avoid it."""
    wave = wave_of(population(300, seed=7), batch_size=40)
    np.testing.assert_array_equal(wave.signatures, minhash([item.text or "" for item in wave.items]))


def test_near_duplicates_become_one_item():
    """Of three hundred resends of one text in slightly different words the batch has one."""
    texts = [text_of(i) for i in range(600)]
    base = " ".join(text_of(9999).split() * 2)
    for i in range(0, 600, 2):
        texts[i] = f"{base} {WORDS[i % 7]}"
    wave = wave_of(population(600, seed=8, texts=texts))
    assert len(set(groups(wave.signatures).tolist())) == len(wave.items)
    (one,) = [item for item in wave.items if base in (item.text or "")]
    assert (one.slice, one.dup_count > 1) == ("explore", True)  # half of the traffic, so some were drawn
    assert wave.manifest["left_out"]["already_taken"] > 0


def test_labelled_and_open_items_are_not_chosen_again():
    """Neither by key nor by resemblance; the second wave of an alarm shares nothing with the first."""
    candidates = population(800, seed=9)
    first = wave_of(candidates)
    resent = [replace(one, key=f"again-{one.key}", item_id=None, text=f"{one.text} !") for one in candidates]
    second = wave_of(resent, taken=Taken(signatures=first.signatures))
    third = wave_of(candidates, taken=Taken({item.key for item in first.items}))
    assert not {item.key for item in second.items} & {f"again-{item.key}" for item in first.items}
    assert not {item.key for item in third.items} & {item.key for item in first.items}
    assert second.manifest["left_out"]["already_taken"] >= 65
    assert second.manifest["slices"]["watched"]["got"] == 65


def test_the_class_cap_holds_and_gives_way_with_a_word():
    """At most 30 of one top class are uncertain items; when that leaves gaps the manifest says so."""
    candidates = population(800, seed=10)
    wave = wave_of(candidates, watched=())
    tops = Counter(int(np.argmax(item.probabilities)) for item in wave.items if item.slice == "uncertain")
    assert sum(tops.values()) == 85
    assert max(tops.values()) <= 30
    assert wave.manifest["caps"]["most_probable_class"] == {"limit": 30, "relaxed": {}}
    only = [one for one in candidates if int(one.probabilities.argmax()) == 0]
    relaxed = wave_of(only, watched=())
    assert relaxed.manifest["caps"]["most_probable_class"]["relaxed"] == {"billing": 55}
    assert len(relaxed.items) >= 85


def test_with_two_classes_uncertain_means_near_the_threshold():
    """A threshold of .1 moves the uncertain items from p = .5 to p = .1."""
    candidates = [
        replace(one, probabilities=np.array([1 - p, p], np.float32), label=int(p > 0.1))
        for one, p in zip(population(400, seed=11), np.linspace(0.01, 0.99, 400), strict=True)
    ]
    wave = wave_of(candidates, classes=("ham", "spam"), thresholds=[0.9, 0.1], watched=(), batch_size=20)
    uncertain = [item.probabilities[1] for item in wave.items if item.slice == "uncertain"]
    assert len(uncertain) == 17
    assert 0.05 < min(uncertain) <= max(uncertain) < 0.2


def test_what_the_watched_class_cannot_fill_goes_to_the_uncertain():
    """Thirty candidates fill thirty places, whatever the slices asked for."""
    wave = wave_of(population(30, seed=12))
    assert len(wave.items) == 30
    assert wave.manifest["slices"]["watched"]["got"] == 15
    assert wave.manifest["slices"]["explore"]["got"] == 15


@pytest.mark.parametrize("batch_size", [1, 2, 7, 500])
def test_any_batch_size_and_an_empty_pool_are_fine(batch_size: int):
    """Tiny batches keep a draw per source, big ones take all there is, nothing gives nothing."""
    wave = wave_of(population(60, seed=13), batch_size=batch_size)
    assert len(wave.items) <= max(batch_size, 2)
    assert wave_of([], batch_size=batch_size).items == ()
    json.dumps(wave.manifest)


def test_items_without_text_are_known_by_their_id_or_left_out_and_counted():
    """With texts not kept, only the caller can find an item again, by the id it gave."""
    candidates = [
        replace(one, text=None, item_id=one.item_id if i % 2 else None)
        for i, one in enumerate(population(400, seed=14))
    ]
    wave = wave_of(candidates)
    assert all(item.item_id is not None for item in wave.items)
    assert wave.manifest["left_out"]["without_text_or_id"] == 200
    assert wave.manifest["left_out"]["draws_without_text_or_id"] > 0
    assert len({item.key for item in wave.items}) == len(wave.items) > 80


def test_the_draws_are_the_smallest_priorities():
    """The exploration slice is a bottom-d sample: no other candidate of a source has a smaller priority.

    What is drawn is not chosen by score too, however high its score.
    """
    candidates = population(500, seed=16)
    wave = wave_of(candidates)
    draws = wave.manifest["sources"]
    smallest = {
        one.key
        for source in ("email", "chat")
        for one in sorted((c for c in candidates if c.source == source), key=lambda c: c.priority)[
            : draws[source]["draws"]
        ]
    }
    assert {item.key for item in wave.items if item.stratum == "exploration"} == smallest
    assert {item.key for item in wave.items if item.slice == "explore"} == smallest
    assert len(wave.items) == 100
    assert draws["email"]["draws"] + draws["chat"]["draws"] == draw_limit(100)


def test_shares_estimated_from_a_batch_chosen_by_score_are_unbiased():
    """Horvitz-Thompson over 300 draws of the priorities hits the true share within 3 standard errors.

    The plain share of a batch that hunts for fraud is many times too high; that is what the weights undo.
    """
    rng = np.random.default_rng(17)
    fixed = population(400, seed=17)
    by_fraud = [one.key for one in sorted(fixed, key=lambda one: -float(one.probabilities[3]))]
    fraud = {*by_fraud[:12], *by_fraud[12::50]}  # the model finds most of them, and misses some everywhere
    truth = len(fraud) / len(fixed)
    estimates, naive, drawn = [], [], Counter[str]()
    for _ in range(300):
        candidates = [replace(one, priority=float(rng.random())) for one in fixed]
        wave = wave_of(candidates, batch_size=40)
        estimates.append(sum(item.weight for item in wave.items if item.key in fraud) / len(fixed))
        naive.append(np.mean([item.key in fraud for item in wave.items]))
        drawn.update(item.key for item in wave.items if item.stratum == "exploration")
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - truth) < 3 * error
    assert np.mean(naive) > 2 * truth
    stated = 6 / 400  # three draws of each source's two hundred or so
    rates = np.array([drawn[one.key] for one in fixed]) / 300
    assert abs(rates.mean() - stated) < 0.002


def test_resends_count_as_the_occurrences_they_are():
    """With near-duplicates among the draws, weights still add up to the number of occurrences."""
    rng = np.random.default_rng(18)
    texts = [text_of(i // 4) for i in range(400)]  # every text four times
    fixed = population(400, seed=18, texts=texts)
    # Nothing is chosen by score here, so that every occurrence is in the exploration stratum.
    fixed = [replace(one, kinds=frozenset({f"random:{one.source}"})) for one in fixed]
    totals, repeated = [], 0
    for _ in range(200):
        candidates = [replace(one, priority=float(rng.random())) for one in fixed]
        wave = wave_of(candidates, batch_size=300)
        totals.append(sum(item.weight for item in wave.items))
        repeated += sum(item.dup_count > 1 for item in wave.items)
    np.testing.assert_allclose(totals, 400)
    assert repeated > 200


def test_resends_of_items_chosen_by_score_do_not_bias_a_share():
    """Texts sent four times on average: over 150 draws the estimate is within 3 standard errors."""
    rng = np.random.default_rng(17)
    fixed, fraud = resent_population(17)
    truth = sum(one.text in fraud for one in fixed)
    estimates, totals = [], []
    for _ in range(150):
        items = wave_of([replace(one, priority=float(rng.random())) for one in fixed]).items
        estimates.append(sum(item.weight for item in items if item.text in fraud))
        totals.append(sum(item.weight for item in items))
    assert abs(np.mean(estimates) - truth) < 3 * np.std(estimates, ddof=1) / np.sqrt(150)
    np.testing.assert_allclose(totals, len(fixed))


def resent_population(seed: int) -> tuple[list[Candidate], set[str]]:
    """Return texts sent four times on average, and which of them are fraud: most of the model's suspects."""
    rng = np.random.default_rng(seed)
    texts = population(200, seed=seed)
    by_fraud = sorted(range(200), key=lambda i: -float(texts[i].probabilities[3]))
    fraud = {text_of(i) for i in (*by_fraud[:8], *by_fraud[8::40])}
    sent = [i for i in range(200) for _ in range(int(rng.geometric(0.25)))]
    again = [
        replace(texts[i], key=f"k{n}", item_id=f"k{n}", text=text_of(i), at=float(n))
        for n, i in enumerate(sent)
    ]
    return again, fraud


def test_draws_that_are_all_items_of_their_own_are_a_plain_sample():
    """Equal weights; everything else weighs nothing."""
    wave = wave_of(population(400, seed=21, sources=("email",)))
    weights = [item.weight for item in wave.items if item.stratum == "exploration"]
    assert wave.manifest["complete_sample"] is True
    np.testing.assert_allclose(weights, [400 / 15] * 15)
    assert {item.weight for item in wave.items if item.stratum == "certainty"} == {0.0}


def test_a_draw_that_was_sent_again_leaves_the_sample_whole():
    """Both are the same word for word, so one label is that of both: an item with two draws."""
    candidates = sorted(population(400, seed=21, sources=("email",)), key=lambda one: one.priority)
    wave = wave_of([replace(one, text=text_of(999)) for one in candidates[:2]] + candidates[2:])
    assert wave.manifest["complete_sample"] is True
    assert sorted(item.dup_count for item in wave.items if item.stratum == "exploration") == [*[1] * 13, 2]


def test_draws_for_a_claim_are_rows_of_their_own():
    """Nearly the same text may be answered otherwise; the same text is one item with two draws."""
    candidates = sorted(population(400, seed=21, sources=("email",)), key=lambda one: one.priority)
    texts = [text_of(999), text_of(999), text_of(999) + " once more"]
    alike = [replace(one, text=text) for one, text in zip(candidates, texts, strict=False)]
    wave = wave_of([*alike, *candidates[3:]], explore=15)
    assert (len(wave.items), wave.manifest["complete_sample"]) == (14, True)
    assert sum(item.text in texts for item in wave.items) == 2


def test_an_audit_is_drawn_as_a_whole_by_the_watched_class():
    """All its items are explored with chances of their own, it estimates, and it proves nothing."""
    candidates = population(800, seed=6)
    wave = wave_of(candidates, mode="audit", most_draws=400)
    assert wave.manifest["mode"] == "audit"
    assert wave.manifest["complete_sample"] is False
    assert 70 < len(wave.items) < 130
    assert {(item.stratum, item.slice) for item in wave.items} == {("exploration", "explore")}
    fraud = np.array([item.probabilities[3] for item in wave.items])
    chances = np.array([item.inclusion_probability for item in wave.items])
    assert np.corrcoef(fraud, chances)[0, 1] > 0.8  # the likeliest are drawn for certain
    assert fraud.mean() > 3 * np.mean([one.probabilities[3] for one in candidates])
    random.Random(3).shuffle(candidates)
    assert as_bytes(wave_of(candidates, mode="audit", most_draws=400)) == as_bytes(wave)


def test_a_draw_leaves_out_what_is_like_it_and_the_sample_stays_whole():
    """A suspect that nearly repeats a draw is the same work: the draw itself is labelled, for what it is."""
    candidates = population(400, seed=21, sources=("email",))
    suspect = max(candidates, key=lambda one: one.probabilities[3])
    first = min(candidates, key=lambda one: one.priority)
    base = " ".join(text_of(9999).split() * 2)
    for words in (base, f"{base} ok"):
        texts = {suspect.key: base, first.key: words}
        wave = wave_of([replace(one, text=texts.get(one.key, one.text)) for one in candidates])
        (item,) = [item for item in wave.items if base in (item.text or "")]
        assert (item.key, item.slice, item.stratum) == (first.key, "explore", "exploration")
        assert item.weight == pytest.approx(400 / 15)
        assert wave.manifest["complete_sample"] is True


def test_of_a_hundred_thousand_candidates_few_are_signed():
    """Only a few per item wanted are signed, so the size of the pool costs sorting alone."""
    rng = np.random.default_rng(19)
    fixed = population(1000, seed=19)
    candidates = [
        replace(
            fixed[i % 1000],
            key=f"x{i}",
            item_id=f"x{i}",
            text=None,
            priority=float(rng.random()),
            at=float(i),
        )
        for i in range(100_000)
    ]
    wave = wave_of(candidates, batch_size=200)
    assert len(wave.items) >= 198
    assert wave.manifest["candidates"]["signed"] < 2000


def test_a_wave_of_a_table_takes_rows_that_are_merely_near() -> None:
    """Only equal rows are one piece of work: numbers that differ in a digit are different items."""
    rows = [f'{{"amount": {i // 2}, "currency": "EUR"}}' for i in range(200)]
    wave = wave_of(population(200, seed=5, texts=rows), input_kind="features", batch_size=200)
    texts = [item.text for item in wave.items]
    assert len(set(texts)) == len(texts) == 100
    assert wave.manifest["input_kind"] == "features"


def test_a_wave_with_several_labels_predicts_all_that_pass() -> None:
    """Labels in the order of the classes, none too; the manifest counts each of them."""
    wave = wave_of(population(300, seed=6), task="multilabel", thresholds=np.array([0.3, 0.3, 0.3, 0.05]))
    for item in wave.items:
        passed = [p >= t for p, t in zip(item.probabilities, (0.3, 0.3, 0.3, 0.05), strict=True)]
        assert item.predicted == tuple(name for name, passes in zip(CLASSES, passed, strict=True) if passes)
    counted = Counter(name for item in wave.items for name in item.predicted or ("no_class_passes",))
    assert wave.manifest["predicted"] == dict(sorted(counted.items()))
    assert max(len(item.predicted or ()) for item in wave.items) > 1


def test_with_several_labels_an_item_near_any_threshold_is_uncertain() -> None:
    """The uncertain slice is filled by distance to a threshold, not by the margin of the best two."""
    thresholds = np.array([0.5, 0.5, 0.5, 0.05], np.float32)
    pool = population(2_000, seed=7)
    wave = wave_of(pool, task="multilabel", thresholds=thresholds, watched=())
    uncertain = [item for item in wave.items if item.slice == "uncertain"]
    near = nearness(np.array([item.probabilities for item in uncertain], np.float32), thresholds)
    everyone = nearness(np.stack([one.probabilities for one in pool]), thresholds)
    assert near.min() > np.quantile(everyone, 0.8)


def test_a_suggestion_that_was_abstained_from_is_still_shown() -> None:
    """An item left to a person keeps the label beside it; one without is counted by its decision."""
    pool = [
        replace(one, decision=3, label=-1 if i % 2 else 0) for i, one in enumerate(population(60, seed=8))
    ]
    manifest = wave_of(pool).manifest
    assert set(manifest["predicted"]) == {"abstained", "billing"}
