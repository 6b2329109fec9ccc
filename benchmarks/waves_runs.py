"""One run of each experiment on a problem: which batches are chosen, what is in them, what do they teach?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.waves_data import PROBLEMS, Part, Problem, Rows
from benchmarks.waves_judged import Judge, Judged
from benchmarks.waves_models import Model, Quality, Served, fitted, joined, quality, served
from benchmarks.waves_pools import NOTHING, Taken, everything, ours, taken_by
from benchmarks.waves_rivals import Lookup, asked_for, strategies
from model_store.data.ngrams import vectors

OURS: Final = "seamark"
TOLD: Final = "top p, told"
# What each source may have of a batch of three; the classes looked for come mostly by chat.
SOURCE_CAPS: Final = {"email": 0.60, "chat": 0.35, "phone": 0.20}


@dataclass(frozen=True, slots=True)
class Task:
    """A run: a key of `PROBLEMS`, a seed, and which batches of which rivals; all of them by default."""

    problem: str
    seed: int
    batch_sizes: tuple[int, ...] = (200, 1_000)
    rivals: tuple[str, ...] | None = None
    retrain: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """What one way to choose did with one batch size.

    Attributes
    ----------
    before, after : Quality, optional
        Of the model that chose, and of one that has learnt the batch; None where none was trained.
    limit : Quality, optional
        Of a model that has learnt all of the traffic: about what no choice of labels goes beyond.
    seconds : float
        Of the processor, to choose.
    """

    problem: str
    seed: int
    rival: str
    batch_size: int
    judged: Judged
    before: Quality | None
    after: Quality | None
    limit: Quality | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """What a wave of three brought, and all up to it: found items and clusters."""

    problem: str
    seed: int
    rival: str
    wave: int
    judged: Judged
    found_so_far: int
    clusters_so_far: int
    after: Quality


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A problem, the model in service, and the judge of batches."""

    problem: Problem
    model: Model
    served: Served
    judge: Judge

    @classmethod
    def of(cls, name: str, seed: int) -> "Scene":
        """Build the problem and fit its model."""
        problem = PROBLEMS[name](seed)
        model = fitted(problem.train)
        labelled = np.concatenate([problem.train.texts, problem.validation.texts])
        judge = Judge(problem.traffic, labelled, problem.told)
        return cls(problem, model, served(model, problem, learnt=problem.train), judge)


def compare(task: Task) -> list[Row]:
    """Return what each rival makes of the same traffic and the same probabilities."""
    scene = Scene.of(task.problem, task.seed)
    problem, before, limit = scene.problem, None, None
    if task.retrain:
        before = quality(scene.model, problem.test, problem.told)
        limit = _retrained(problem, np.arange(len(problem.traffic)))
    rows = []
    for size in task.batch_sizes:
        for rival in task.rivals or rivals_of(size):
            started = time.process_time()
            batch = choose(scene, rival, batch_size=size, seed=task.seed).rows
            seconds = time.process_time() - started
            judged = scene.judge.judge(batch)
            after = _retrained(problem, batch) if task.retrain else None
            rows.append(Row(task.problem, task.seed, rival, size, judged, before, after, limit, seconds))
    return rows


def three_waves(task: Task) -> list[Step]:
    """Return what three waves from the same traffic bring, the model retrained after each."""
    steps = []
    size = max(task.batch_sizes)
    for rival in task.rivals or (OURS, "random"):
        scene = Scene.of(task.problem, task.seed)
        taken, found = NOTHING, 0
        for wave in (1, 2, 3):
            batch = choose(
                scene,
                rival,
                batch_size=size,
                seed=task.seed + 10 * wave,
                taken=taken,
                source_caps=SOURCE_CAPS,
            )
            judged = scene.judge.judge(batch.rows, taken=taken.rows)
            taken, found = taken.with_(batch), found + judged.found
            scene, after = _next(scene, taken.rows)
            steps.append(
                Step(
                    problem=task.problem,
                    seed=task.seed,
                    rival=rival,
                    wave=wave,
                    judged=judged,
                    found_so_far=found,
                    clusters_so_far=scene.judge.clusters(taken.rows),
                    after=after,
                )
            )
    return steps


def rivals_of(batch_size: int) -> tuple[str, ...]:
    """Return every way to choose, the product's own first."""
    return (OURS, TOLD, *strategies(batch_size))


def choose(
    scene: Scene,
    rival: str,
    *,
    batch_size: int,
    seed: int,
    taken: Taken = NOTHING,
    source_caps: Mapping[str, float] | None = None,
) -> Taken:
    """Return the rows of the traffic that one way chooses among those without a label."""
    problem, served_ = scene.problem, scene.served
    if rival == OURS:
        wave = ours(
            everything(problem.traffic, served_, seed=seed),
            problem.traffic,
            served_,
            watched=problem.watched,
            batch_size=batch_size,
            seed=seed,
            taken=taken,
            source_caps=source_caps,
        )
        return taken_by(wave)
    rows = np.setdiff1d(np.arange(len(problem.traffic)), taken.rows)
    probabilities = served_.decisions.probabilities
    if rival == TOLD:
        columns = [served_.policy.classes.index(name) for name in problem.watched]
        # Without a class to watch the least known is what no class is probable of: least confidence.
        score = probabilities[rows][:, columns].max(axis=1) if columns else -probabilities[rows].max(axis=1)
        return Taken.of(rows[np.argsort(-score, kind="stable")[:batch_size]])
    pool = Lookup(probabilities, vectors(problem.traffic.texts.tolist()))
    learnt = vectors([*problem.train.texts, *problem.validation.texts])
    known = Lookup(np.zeros((len(learnt), pool.probabilities.shape[1]), np.float32), learnt)
    return Taken.of(asked_for(rival, pool, known, open_rows=rows, batch_size=batch_size, seed=seed))


def _retrained(problem: Problem, batch: Rows) -> Quality:
    return quality(fitted(joined(problem.train, problem.traffic, batch)), problem.test, problem.told)


def _next(scene: Scene, taken: Rows) -> tuple[Scene, Quality]:
    """Return the scene when the labels of some rows of the traffic are learnt, and how good its model is."""
    learnt: Part = joined(scene.problem.train, scene.problem.traffic, taken)
    model = fitted(learnt)
    known = tuple(name for name in scene.problem.told if name in model.classes)
    problem = replace(scene.problem, watched=known)
    following = Scene(problem, model, served(model, problem, learnt=learnt), scene.judge)
    return following, quality(model, problem.test, problem.told)
