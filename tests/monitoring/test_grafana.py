"""Is the committed dashboard the generated one, valid, honest about metrics, and within the conventions?

No Grafana server takes part: its JSON schemas, a PromQL parser, the metric table and a lint stand in.
"""

import copy
import json
import re
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from tests.support import exported, promql
from tests.support.dashboard import ANNOTATIONS, DASHBOARD, HERE, PANELS, VARIABLES, queries
from tests.support.shared import SHARED

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "monitoring" / "prometheus" / "rules" / "seamark.yml"
SPECS: Final = SHARED / "specs" / "grafana"
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

# Exported on purpose without a panel or a rule.
# Bursts are no event: the count is for whoever wonders why one raised no alarm.
UNUSED: Final[frozenset[str]] = frozenset(
    {
        "drift_set_aside_buckets",
        # Of bounds that are seldom reached.
        "candidates_bytes",
        "candidates_given_up",
    }
)

needs_specs = pytest.mark.skipif(
    not SPECS.is_dir(), reason=f"Grafana's JSON schemas are not at {SPECS} (set SEAMARK_SHARED)"
)
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


ALL_QUERIES: Final = [
    *((f"{panel['title']}-{n}", query) for panel in PANELS for n, query in enumerate(queries(panel))),
    *((f"annotation {annotation['name']}", annotation["expr"]) for annotation in ANNOTATIONS),
]
each_query = pytest.mark.parametrize(
    "query", [query for _, query in ALL_QUERIES], ids=[name for name, _ in ALL_QUERIES]
)


def schema(name: str) -> dict[str, Any]:
    """Return a published schema, with "anything" meaning anything.

    The generator writes CUE's top value as an object, but a matcher's option or an override's value may be a
    plain string in every Grafana.
    """
    loaded: dict[str, Any] = json.loads((SPECS / f"{name}.jsonschema.json").read_text())
    for definition in loaded["definitions"].values():
        for key, value in definition.get("properties", {}).items():
            if value.get("type") == "object" and value.get("additionalProperties") == {}:
                definition["properties"][key] = {}
    return loaded


def violations(instance: Any, against: dict[str, Any]) -> list[str]:
    """Return each violation with its place."""
    return [
        f"{error.json_path}: {error.message[:200]}"
        for error in Draft7Validator(against).iter_errors(instance)
    ]


def test_the_committed_json_is_what_the_builder_makes() -> None:
    """Nobody edited the JSON by hand, and nobody forgot to write it anew."""
    pytest.importorskip("grafana_foundation_sdk", reason="needs the dependency group ops")
    # In a process of its own: the SDK warns at import that it prefers the next dashboard format.
    program = "from monitoring.grafana.dashboards import to_json; print(to_json(), end='')"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == (HERE / "seamark.json").read_text()


@needs_specs
def test_the_dashboard_follows_the_published_schema() -> None:
    """Grafana's own schema of a dashboard accepts it."""
    assert violations(DASHBOARD, schema("dashboard")) == []


@needs_specs
@each_panel
def test_panel_options_and_queries_follow_their_own_schemas(panel: dict[str, Any]) -> None:
    """The dashboard schema does not look inside options, field configuration and queries."""
    own = schema(panel["type"].replace("-", ""))
    assert violations(panel["options"], {**own, "$ref": "#/definitions/Options"}) == []
    custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom")
    definition = next((d for d in ("FieldConfig", "GraphFieldConfig") if d in own["definitions"]), None)
    if custom is not None and definition is not None:
        assert violations(custom, {**own, "$ref": f"#/definitions/{definition}"}) == []
    for target in panel.get("targets", []):
        assert violations(target, schema("prometheus")) == []


@needs_specs
def test_the_schema_check_notices_a_misspelt_option() -> None:
    """The check above can fail: it would see an option that Grafana does not know."""
    broken = copy.deepcopy(next(panel for panel in PANELS if panel["type"] == "stat"))
    broken["options"]["textMod"] = "name"
    assert violations(broken["options"], {**schema("stat"), "$ref": "#/definitions/Options"})


@each_query
def test_queries_parse_and_speak_only_of_exported_metrics(query: str) -> None:
    """PromQL's grammar accepts the query; metric, labels and values exist in the metric table."""
    assert [fault for selector in promql.selected(query) for fault in exported.faults(selector)] == []


def test_every_exported_metric_is_shown_or_deliberately_not() -> None:
    """A metric nobody looks at is a decision, written down."""
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    everything = [query for _, query in ALL_QUERIES] + rules
    used = {selector.metric for query in everything for selector in promql.selected(query)}
    shown = {spec.name for name, spec in exported.SERIES.items() if name in used}
    assert {spec.name for spec in exported.SERIES.values()} - shown == UNUSED


def test_dashboard_conventions() -> None:
    """Stable address, UTC, half a minute, shared crosshair, not editable, links that keep the time range."""
    assert (DASHBOARD["uid"], DASHBOARD["title"], DASHBOARD["tags"]) == ("seamark", "Seamark", ["seamark"])
    assert (DASHBOARD["editable"], DASHBOARD["timezone"], DASHBOARD["refresh"]) == (False, "utc", "30s")
    assert DASHBOARD["graphTooltip"] == 1
    assert [variable["name"] for variable in VARIABLES] == ["datasource", "job", "instance", "class"]
    assert all(link["keepTime"] and link["includeVars"] for link in DASHBOARD["links"])
    assert [annotation["name"] for annotation in ANNOTATIONS] == [
        "Model promoted",
        "Drift flagged",
        "Drift began",
        "Batch emitted",
    ]


def test_rows_go_from_the_users_to_the_machine() -> None:
    """An operator reads from the outside in."""
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["What users feel", "What the model says", "What the machine does"]


@each_panel
def test_every_panel_explains_itself(panel: dict[str, Any]) -> None:
    """Title, a description that is a sentence, a unit, the variable data source, named queries and series."""
    assert panel["title"]
    assert panel["description"].rstrip().endswith(".")
    assert panel["datasource"] == DATASOURCE
    if panel["type"] == "text":
        return
    assert panel["fieldConfig"]["defaults"]["unit"]
    targets = panel["targets"]
    assert [target["refId"] for target in targets] == [chr(ord("A") + n) for n in range(len(targets))]
    assert all(target["datasource"] == DATASOURCE and target["legendFormat"] for target in targets)


def test_variables_and_annotations_take_the_chosen_data_source() -> None:
    """Nothing is bound to the data source of the machine the dashboard was made on."""
    assert all(annotation["datasource"] == DATASOURCE for annotation in ANNOTATIONS)
    assert all(v["datasource"] == DATASOURCE for v in VARIABLES if v["type"] == "query")


@each_panel
def test_rates_follow_the_scrape_interval(panel: dict[str, Any]) -> None:
    """`rate` over Grafana's rate interval, totals over the whole range; fixed windows invent dips."""
    for query in queries(panel):
        assert re.findall(r"rate\([^\[]*\[(.*?)\]", query) == ["$__rate_interval"] * query.count("rate(")
        assert re.findall(r"increase\([^\[]*\[(.*?)\]", query) == ["$__range"] * query.count("increase(")
        assert 'job="$job"' in query


def test_alert_levels_are_drawn_where_the_rules_put_them() -> None:
    """A fixed alert level is a line in the panel of its metric, at the level of the rule."""
    text = RULES.read_text()
    untold = float(re.search(r"job:seamark_webhook_oldest_age_seconds:max > (\d+)", text)[1])  # type: ignore[index]
    lag = float(re.search(r"job:seamark_monitoring_lag_seconds:max > (\d+)", text)[1])  # type: ignore[index]
    burn = float(re.search(r"ratio_rate1h > \(([\d.]+) \* \(1 - 0.999\)\)", text)[1])  # type: ignore[index]
    defaults = {
        panel["title"]: panel["fieldConfig"]["defaults"] for panel in PANELS if "fieldConfig" in panel
    }
    drawn = {
        title: own["thresholds"]["steps"][-1]["value"]
        for title, own in defaults.items()
        if own.get("custom", {}).get("thresholdsStyle", {}).get("mode") == "line"
    }
    assert drawn == {
        "Failed requests": pytest.approx(burn * 0.001),
        "Watcher lag": lag,
        "Flush lag": lag,
        "Webhook behind": untold,
    }


def test_panels_do_not_overlap_and_ids_are_unique() -> None:
    """Every panel has its own place on the grid of 24 columns, and its own number."""
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in combinations(places, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_y = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_x or apart_y, (a, b)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_provisioning_points_at_prometheus_with_the_scrape_interval() -> None:
    """Grafana derives its rate interval from the interval of the data source: the scrape interval."""
    source = yaml.safe_load((HERE / "provisioning" / "datasources" / "prometheus.yml").read_text())
    scrape = yaml.safe_load((ROOT / "monitoring" / "prometheus" / "prometheus.yml").read_text())
    assert source["datasources"][0]["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    provider = yaml.safe_load((HERE / "provisioning" / "dashboards" / "seamark.yml").read_text())
    assert provider["providers"][0]["allowUiUpdates"] is False


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (apt-get install prometheus)"
)
def test_the_classes_too_rare_to_notice_are_listed(tmp_path: Path) -> None:
    """Never noticeable and able to double: the commonest class is no gap, and one in time is none either."""
    (panel,) = [each for each in PANELS if each["title"] == "Doubling not noticeable"]
    (query,) = queries(panel)
    items, share = "seamark_detectable_items", "seamark_class_share_ratio"
    classes = {"common": ("+Inf", "0.9"), "rare": ("2000", "0.098"), "ultra": ("+Inf", "0.002")}
    test = {
        "interval": "1m",
        "input_series": [
            each
            for name, (needed, reference) in classes.items()
            for each in (
                {"series": f'{items}{{job="s", class="{name}"}}', "values": needed},
                {"series": f'{share}{{job="s", class="{name}", kind="reference"}}', "values": reference},
            )
        ],
        "promql_expr_test": [
            {
                "expr": query.replace("$job", "s").replace("$class", ".+"),
                "eval_time": "0m",
                "exp_samples": [{"labels": '{class="ultra"}', "value": 0.002}],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"tests": [test]}))
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
