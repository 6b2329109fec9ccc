"""What does the operator see in Grafana? The dashboard, built here and committed as JSON.

Write `seamark.json` anew after a change (group `ops`; nothing imports this module at run time)::

    python -m monitoring.grafana.dashboards

Rows go from the outside in, their panels are in the modules beside this one: what users feel (`users`), what
the model says (`drift`, `answers`, `labeling`), what the machine does (`machine`). Drift belongs to the model
and not to a replica: every replica exports what the shared store says, so those panels take the maximum over
replicas and ignore the variable `instance`.
"""

import json
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.answers import answers
from monitoring.grafana.drift import drift
from monitoring.grafana.labeling import labeling
from monitoring.grafana.machine import machine
from monitoring.grafana.panels import BAD, DATASOURCE, JOB, WARN
from monitoring.grafana.users import users

OUTPUT: Final = Path(__file__).with_name("seamark.json")
UID: Final = "seamark"
TAGS: Final = ("seamark",)


def seamark() -> dashboard.Dashboard:
    """Return the dashboard `Seamark`."""
    board = (
        dashboard.Dashboard("Seamark")
        .uid(UID)
        .description("What users feel, what the model says about the mix of classes, what the machine does.")
        .tags(list(TAGS))
        .readonly()
        .timezone("utc")
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Seamark dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(list(TAGS))
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for variable in _variables():
        board.with_variable(variable)
    for annotation in _annotations():
        board.annotation(annotation)
    rows = {
        "What users feel": users(),
        "What the model says": drift() + answers() + labeling(),
        "What the machine does": machine(),
    }
    number = 0
    for title, panels in rows.items():
        number += 1
        board.with_row(dashboard.Row(title).id(number))
        for panel in panels:
            number += 1
            board.with_panel(panel.id(number))
    return board


def to_json() -> str:
    """Return the dashboard as the text of `seamark.json`."""
    return json.dumps(seamark().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _annotation(name: str, color: str, expr: str, text: str) -> dashboard.AnnotationQuery:
    query = dashboard.AnnotationQuery().name(name).enable(True).hide(False).icon_color(color)
    return query.datasource(DATASOURCE).expr(expr).step("60s").title_format(name).text_format(text)


def _annotations() -> list[dashboard.AnnotationQuery]:
    info = f"max by (name, version) (seamark_model_info{{{JOB}}}"
    drift = f'max by (job) (seamark_drift_state{{{JOB}, state="drift"}}'
    since = f"max by (job) (seamark_drift_since_timestamp_seconds{{{JOB}}} > 0) * 1000"
    return [
        _annotation(
            "Model promoted",
            "blue",
            f"({info}) == 1) unless ({info} offset 1m) == 1)",
            "{{name}}@{{version}}",
        ),
        _annotation(
            "Drift flagged", BAD, f"({drift}) == 1) unless ({drift} offset 1m) == 1)", "The mix has moved"
        ),
        _annotation(
            "Drift began",
            WARN,
            since,
            "Where the detector dates the change",
        ).use_value_for_time(True),
        _annotation(
            "Batch emitted",
            "purple",
            f"max by (reason) (increase(seamark_batches_total{{{JOB}}}[1m])) > 0",
            "{{reason}}",
        ),
    ]


def _variables() -> list[Any]:
    def query(name: str, label: str, promql: str) -> dashboard.QueryVariable:
        variable = dashboard.QueryVariable(name).label(label).datasource(DATASOURCE)
        variable = variable.query(promql).definition(promql)
        return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
            models.VariableSort.ALPHABETICAL_ASC
        )

    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        query("job", "Job (one model)", "label_values(seamark_items_total, job)"),
        query("instance", "Instance", 'label_values(seamark_items_total{job="$job"}, instance)')
        .multi(True)
        .include_all(True)
        .all_value(".+"),
        query("class", "Class", 'label_values(seamark_class_share_ratio{job="$job"}, class)')
        .multi(True)
        .include_all(True)
        .all_value(".+"),
    ]


if __name__ == "__main__":
    OUTPUT.write_text(to_json(), encoding="utf-8")
