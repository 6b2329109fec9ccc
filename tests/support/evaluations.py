"""Evaluations of made-up answers, for tests of what is said and drawn about them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from model_store.costs import Costs
from model_store.policy import Policy
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.thresholds import parse_target
from model_store.reports.evaluate import evaluate
from model_store.reports.evaluation import Evaluation, Overlap

CLASSES = ("billing", "delivery", "fraud")
_START = 1_767_225_600.0  # 2026-01-01


def made_up_answers(
    n: int = 600, classes: Sequence[str] = CLASSES, *, seed: int = 0, skill: float = 2.0
) -> tuple[Any, Any]:
    """Return calibrated-looking probabilities and labels; the last class is the rarest."""
    rng = np.random.default_rng(seed)
    prior = np.geomspace(1.0, 0.1, len(classes))
    labels = rng.choice(len(classes), n, p=prior / prior.sum())
    logits = rng.normal(0, 1, (n, len(classes))) + skill * np.eye(len(classes))[labels] + np.log(prior)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32), labels


def made_up_policy(
    classes: Sequence[str] = CLASSES, targets: Sequence[str] = (), *, seed: int = 100, **options: Any
) -> Policy:
    """Return a policy fitted on made-up answers."""
    p, labels = made_up_answers(900, classes, seed=seed)
    thresholds = fit_thresholds(p, labels, classes, [parse_target(each) for each in targets])
    return Policy(tuple(classes), thresholds, 0.1, "0" * 64, **options)


def made_up(
    n: int = 600,
    classes: Sequence[str] = CLASSES,
    targets: Sequence[str] = (),
    *,
    seed: int = 0,
    skill: float = 2.0,
    full: bool = False,
) -> Evaluation:
    """Return an evaluation; a low `skill` makes claims fail, `full` adds all that a file may say."""
    policy = made_up_policy(classes, targets)
    p, labels = made_up_answers(n, classes, seed=seed, skill=skill)
    rng = np.random.default_rng(seed)
    more: dict[str, Any] = {}
    if full:
        more = {
            "sources": rng.choice(["chat", "email", ""], n).tolist(),
            "costs": Costs(tuple(classes), 1.0 - np.eye(len(classes)), 0.25),
            "times": (_START + rng.random(n) * 86_400 * 60).tolist(),
        }
    found = evaluate(
        policy.decide(p), labels, before=p**1.5 / (p**1.5).sum(1, keepdims=True), policy=policy, **more
    )
    if not full:
        return found
    return replace(
        found,
        model="tickets@3",
        data="march.csv",
        seen=Overlap(n, 7, ("row 3", "row 9"), found.sources[0]),
    )
