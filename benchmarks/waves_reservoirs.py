"""What does a wave lose that may choose from what reservoirs kept of the traffic, and not from all of it?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.waves_pools import NOTHING, Age, kept, ours, taken_by
from benchmarks.waves_runs import OURS, Scene, Task, choose
from monitoring.recording.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Setting:
    """How the traffic arrives.

    Attributes
    ----------
    epochs : int
        Ten minutes each; the traffic is shared out among them.
    age : "running", "recent" or "old"
        Of the epochs, and so how much the state has of each.
    declared : bool
        The classes looked for had been declared important.
    busy : bool
        Every epoch has as many items as the whole traffic instead. A batch then wants its part of each, so
        one epoch is chosen from, and a part of the batch.
    """

    epochs: int
    age: Age
    declared: bool
    busy: bool = False

    @property
    def words(self) -> str:
        """The setting in words."""
        epochs = f"{self.epochs}{' busy' * self.busy} epoch{'s' * (self.epochs > 1)}"
        return f"{epochs}, {self.age}{', declared' * self.declared}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a wave finds in reservoirs, and in all of the same traffic."""

    problem: str
    seed: int
    batch_size: int
    setting: Setting
    candidates: int
    found: int
    found_in_all: int


def reservoirs(task: Task, *, epochs: Sequence[int]) -> list[Kept]:
    """Return what is found in the reservoirs when the traffic is spread over some epochs.

    Of the first number of epochs also what is found before they are old; of the second also what is found
    when each has the whole traffic.
    """
    scene, found = Scene.of(task.problem, task.seed), []
    for size in task.batch_sizes:
        whole: dict[int, int] = {}
        for setting in _settings(epochs, scene):
            wanted = size // setting.epochs if setting.busy else size
            if wanted not in whole:
                in_all = choose(scene, OURS, batch_size=wanted, seed=task.seed)
                whole[wanted] = scene.judge.judge(in_all.rows).found
            candidates = _candidates(scene, setting, batch_size=size, seed=task.seed)
            rows = _chosen(scene, candidates, batch_size=wanted, seed=task.seed)
            found.append(
                Kept(
                    problem=task.problem,
                    seed=task.seed,
                    batch_size=size,
                    setting=setting,
                    candidates=len(candidates),
                    found=scene.judge.judge(rows).found,
                    found_in_all=whole[wanted],
                )
            )
    return found


def _settings(epochs: Sequence[int], scene: Scene) -> Iterator[Setting]:
    ages: list[tuple[int, Age, bool]] = [(epochs[0], "running", False), (epochs[0], "recent", False)]
    ages += [(n, "old", False) for n in epochs]
    ages += [(epochs[1], "recent", True), (epochs[1], "old", True)]
    for n, age, busy in ages:
        # Nobody can declare a class that no model knows.
        for declared in (False, True) if scene.problem.watched else (False,):
            yield Setting(n, age, declared, busy)


def _candidates(scene: Scene, setting: Setting, *, batch_size: int, seed: int) -> list[Candidate]:
    """Return what the reservoirs kept, of one epoch where every epoch has the whole traffic."""
    problem = scene.problem
    return [
        one
        for part in np.array_split(np.arange(len(problem.traffic)), 1 if setting.busy else setting.epochs)
        for one in kept(
            problem.traffic,
            scene.served,
            rows=part,
            batch_size=batch_size,
            seed=seed,
            important=problem.watched if setting.declared else (),
            age=setting.age,
        )
    ]


def _chosen(scene: Scene, candidates: Sequence[Candidate], *, batch_size: int, seed: int) -> np.ndarray:
    wave = ours(
        candidates,
        scene.problem.traffic,
        scene.served,
        watched=scene.problem.watched,
        batch_size=batch_size,
        seed=seed,
        taken=NOTHING,
    )
    return taken_by(wave).rows
