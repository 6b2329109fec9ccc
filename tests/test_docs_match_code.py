"""Do the tables in the docs say what the code does?"""

import dataclasses
from pathlib import Path
from typing import Final

import yaml
from starlette.routing import Route

from service.lane import Seat
from service.problems import PROBLEMS, TYPE_PREFIX, UNEXPECTED
from service.routes import routes
from service.settings import Settings

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
RULES: Final = ROOT / "monitoring" / "prometheus" / "rules" / "seamark.yml"


def rows(document: str, *, beginning: str) -> list[list[str]]:
    """Return the cells of every table row whose first cell begins so, without backticks."""
    lines = (DOCS / document).read_text().splitlines()
    tables = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    cells = [[cell.strip().strip("`") for cell in row] for row in tables]
    return [row for row in cells if row[0].startswith(beginning)]


def test_every_setting_is_documented_with_its_default() -> None:
    """The table of variables is complete, and a changed default is changed there too."""
    documented = {row[0]: row[1] for row in rows("operating.md", beginning="SEAMARK_")}
    settings = {f"SEAMARK_{entry.name.upper()}": entry.default for entry in dataclasses.fields(Settings)}
    assert documented.keys() == settings.keys()
    written = Settings().to_environment()
    assert {name: documented[name] for name in written} == {
        name: f"{settings[name]:g}" if isinstance(settings[name], float) else text
        for name, text in written.items()
    }


def test_every_problem_is_documented_with_its_status() -> None:
    """A client finds each `type` it may get, and the status it comes with."""
    documented = {row[0]: int(row[1]) for row in rows("http.md", beginning=TYPE_PREFIX)}
    # Status 499 is for the log alone: nobody is left to read it.
    shown = [kind for kind in (*PROBLEMS.values(), UNEXPECTED) if kind.status != 499]
    assert documented == {TYPE_PREFIX + kind.name: kind.status for kind in shown}


def test_every_route_is_documented_with_its_scopes() -> None:
    """The table of `/v1` routes is complete and says which keys open them."""
    documented = {
        tuple(row[0].split(" ")): row[1] for row in rows("http.md", beginning="") if " /v1/" in row[0]
    }
    served = {
        (method, route.path)
        for route in routes(Seat())
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert documented.keys() == served
    assert set(documented.values()) == {"operate", "label or operate"}
    labeling = {path for (_, path), scopes in documented.items() if scopes == "label or operate"}
    assert labeling == {path for _, path in served if path.startswith("/v1/batches") or path == "/v1/labels"}


def test_every_alert_is_documented_with_its_severity() -> None:
    """The table of alerts is the rule file's."""
    documented = sorted((row[0], row[1]) for row in rows("operating.md", beginning="Seamark"))
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert documented == sorted((alert["alert"], alert["labels"]["severity"]) for alert in alerts)
