"""Does every panel show something? A real service, a real Prometheus with the shipped rules, every query."""

import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from typing import Any, Final

import pytest

from service.cli.tickets import generate
from tests.support import prometheus, promql
from tests.support.dashboard import PANELS, queries
from tests.support.prometheus import RunningPrometheus
from tests.support.running import RunningService, eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not prometheus.INSTALLED, reason="prometheus is not installed (apt-get install prometheus)"
    ),
]

ITEMS_PER_REQUEST: Final = 256
# More than SEAMARK_BASELINE_ITEMS, so that the detector compares and not only collects.
CALM_REQUESTS: Final = 100
QUERIES: Final = {
    f"{panel['title']}, query {n}": query
    for panel in PANELS
    for n, query in enumerate(queries(panel), start=1)
}
# Empty says "no drift", and that is what the panel writes.
ONLY_DURING_DRIFT: Final = frozenset({"Drift since, query 1"})
# Empty says that no version was replaced, and that is what the panel writes.
ONLY_AFTER_A_PROMOTION: Final = frozenset({"Former version's view, query 1"})
# Empty says that the traffic is not another mix of the known classes: estimates are withdrawn then.
ONLY_WHILE_EXPLAINED: Final = frozenset(
    {*(f"How common each class is, query {n}" for n in (1, 2, 3)), "Precision left, query 1"}
)
# Empty says that the doubling of every class would be noticed.
NO_CLASS_TOO_RARE: Final = frozenset({"Doubling not noticeable, query 1"})
MAY_BE_EMPTY: Final = NO_CLASS_TOO_RARE | ONLY_AFTER_A_PROMOTION | ONLY_WHILE_EXPLAINED


def requests(*, fraud_share: float, seed: int) -> Iterator[list[str]]:
    """Yield full requests of tickets for ever, from a small pool in random order."""
    texts = cycle(ticket.text for ticket in generate(4_000, seed=seed, fraud_share=fraud_share))
    while True:
        yield list(islice(texts, ITEMS_PER_REQUEST))


@pytest.fixture(scope="module")
def scraper(
    running_service: RunningService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPrometheus]:
    """Yield a Prometheus that scrapes the running service."""
    with prometheus.launched(tmp_path_factory.mktemp("prometheus"), running_service.base_url) as running:
        eventually(lambda: bool(running.instances()), within=20, what="the service is scraped")
        yield running


def concrete(expr: str, instance: str) -> str:
    """Return a panel's query as Grafana sends it with one job, this instance and all classes chosen."""
    chosen = {"$job": "seamark", "$instance": instance, "$class": ".+"}
    for variable, value in chosen.items():
        expr = expr.replace(variable, value)
    return promql.concrete(expr)


def unanswered(scraper: RunningPrometheus, *, allowed_empty: frozenset[str]) -> dict[str, list[float]]:
    """Return the queries without data, or with a value that is not finite, and what they answered."""
    (instance,) = scraper.instances()
    answers = {name: scraper.values(concrete(expr, instance)) for name, expr in QUERIES.items()}
    return {
        name: values
        for name, values in answers.items()
        if not all(map(math.isfinite, values)) or (not values and name not in allowed_empty)
    }


def test_every_panel_shows_finite_data(running_service: RunningService, scraper: RunningPrometheus) -> None:
    """Under ordinary traffic no panel is empty or broken, and every rule of the shipped file evaluates."""
    stream = requests(fraud_share=0.05, seed=11)
    for texts in islice(stream, CALM_REQUESTS):
        assert running_service.predict(*texts).status_code == 200

    def complete() -> bool:
        running_service.predict(*next(stream))
        return not unanswered(scraper, allowed_empty=ONLY_DURING_DRIFT | MAY_BE_EMPTY)

    with suppress(pytest.fail.Exception):  # what is still missing says more than that something is
        eventually(complete, within=60, what="every panel has finite data")
    assert unanswered(scraper, allowed_empty=ONLY_DURING_DRIFT | MAY_BE_EMPTY) == {}
    assert {rule["name"]: rule["lastError"] for rule in scraper.rules() if rule["health"] != "ok"} == {}
    assert [rule["name"] for rule in scraper.rules() if rule.get("alerts")] == []


def test_drift_shows_on_the_dashboard_and_opens_a_ticket(
    running_service: RunningService, scraper: RunningPrometheus
) -> None:
    """When the mix moves, SeamarkDrift fires, its text names the class, and the panels say since when."""
    stream = requests(fraud_share=0.6, seed=12)

    def alerts() -> list[dict[str, Any]]:
        return [
            alert for rule in scraper.rules() if rule["name"] == "SeamarkDrift" for alert in rule["alerts"]
        ]

    def firing() -> bool:
        running_service.predict(*next(stream))
        return any(alert["state"] == "firing" for alert in alerts())

    eventually(firing, within=60, what="SeamarkDrift fires")
    (alert,) = alerts()
    assert alert["labels"]["severity"] == "ticket"
    assert "fraud" in alert["annotations"]["description"]
    assert unanswered(scraper, allowed_empty=MAY_BE_EMPTY) == {}
