"""How is a panel of this house made? The conventions that every panel shares, in one place.

Every panel has a title, a description and a unit, takes its data source from the dashboard's variable, and
sets reference ids and legends itself, because the SDK does neither. Needs the group `ops`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Final, Protocol, TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models
from grafana_foundation_sdk.models.text import TextMode

DATASOURCE: Final = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT: Final = 8
CALM, WARN, BAD = "green", "yellow", "red"

# Selectors by the dashboard's variables.
HERE: Final = 'job="$job", instance=~"$instance"'
JOB: Final = 'job="$job"'
CLASS: Final = 'job="$job", class=~"$class"'


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and what its series are called."""

    expr: str
    legend: str


def rate_by(label: str, counter: str) -> Query:
    """Return how fast a counter of the chosen instances rises, a series for each value of a label."""
    return Query(f"sum by ({label}) (rate({counter}{{{HERE}}}[$__rate_interval]))", f"{{{{{label}}}}}")


class _Panel(Protocol):
    def title(self, title: str, /) -> Any: ...
    def description(self, description: str, /) -> Any: ...
    def datasource(self, datasource: common_models.DataSourceRef, /) -> Any: ...
    def span(self, w: int, /) -> Any: ...
    def height(self, h: int, /) -> Any: ...


P = TypeVar("P", bound=_Panel)


def _dressed(panel: P, title: str, description: str, *, width: int, height: int = HEIGHT) -> P:
    panel.title(title)
    panel.description(description)
    panel.datasource(DATASOURCE)
    panel.span(width)
    panel.height(height)
    return panel


def _targets(queries: Sequence[Query], *, instant: bool = False, frame: bool = False) -> list[Any]:
    targets = []
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend)
        target = target.datasource(DATASOURCE)
        target = target.instant() if instant else target.range()
        if frame:
            target = target.format(prometheus_models.PromQueryFormat.TABLE)
        targets.append(target)
    return targets


def steps(**color_from: float | None) -> dashboard.ThresholdsConfig:
    """Return threshold steps; each colour holds from its value up, `None` is minus infinity."""
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for color, value in color_from.items()])
    )


def graph(
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    unit: str,
    width: int = 8,
    line_at: float | None = None,
    stacked: bool = False,
    highest: float | None = None,
    dashed: str | None = None,
) -> timeseries.Panel:
    """Return lines over time from zero up.

    Parameters
    ----------
    line_at
        The level at which an alert fires, drawn as a line.
    highest
        Upper end of the axis; by default it follows the data.
    dashed
        Regular expression of the series to draw dashed: references and thresholds, not measurements.
    """
    panel = _dressed(timeseries.Panel(), title, description, width=width)
    panel.unit(unit).min(0).targets(_targets(queries)).line_width(1).fill_opacity(20 if stacked else 0)
    panel.show_points(common_models.VisibilityMode.NEVER)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel.tooltip(
        common.VizTooltipOptions()
        .mode(common_models.TooltipDisplayMode.MULTI)
        .sort(common_models.SortOrder.DESCENDING)
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A"))
    if highest is not None:
        panel.max(highest)
    if line_at is not None:
        panel.thresholds(steps(green=None, red=line_at))
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.LINE)
        )
    if dashed is not None:
        style = models.DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 6]})
        panel.override_by_regexp(dashed, [style])
    return panel


def figure(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    width: int = 4,
    height: int = 4,
    thresholds: dashboard.ThresholdsConfig | None = None,
    name_only: bool = False,
    colors: Mapping[str, str] | None = None,
    no_value: str = "-",
    decimals: int | None = None,
) -> stat.Panel:
    """Return the last value in large letters, or the name of the series with `name_only`."""
    panel = _dressed(stat.Panel(), title, description, width=width, height=height)
    panel.unit(unit).targets(_targets([query], instant=True)).no_value(no_value)
    panel.graph_mode(common_models.BigValueGraphMode.NONE)
    panel.color_mode(common_models.BigValueColorMode.VALUE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    mode = common_models.BigValueTextMode
    panel.text_mode(mode.NAME if name_only else mode.AUTO)
    panel.thresholds(thresholds or steps(text=None))
    if decimals is not None:
        panel.decimals(decimals)
    for name, color in (colors or {}).items():
        value = {"mode": "fixed", "fixedColor": color}
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="color", value=value)])
    return panel


def timeline(
    title: str, description: str, query: Query, *, colors: Mapping[str, str], width: int = 12
) -> statetimeline.Panel:
    """Return one band per state, coloured while its 0/1 series is 1."""
    panel = _dressed(statetimeline.Panel(), title, description, width=width)
    panel.unit("bool_yes_no").targets(_targets([query])).show_value(common_models.VisibilityMode.NEVER)
    panel.merge_values(True).thresholds(steps(transparent=None, text=1))
    for name, color in colors.items():
        on = {
            "mode": "absolute",
            "steps": [{"value": None, "color": "transparent"}, {"value": 1, "color": color}],
        }
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="thresholds", value=on)])
    return panel


def grid(
    title: str,
    description: str,
    columns: Sequence[Query],
    *,
    units: Mapping[str, str],
    sort_by: str,
    width: int = 24,
    hidden: Sequence[str] = ("Time",),
) -> table.Panel:
    """Return one row per label set and one column per query, named by the query's legend."""
    panel = _dressed(table.Panel(), title, description, width=width)
    panel.unit("short").targets(_targets(columns, instant=True, frame=True))
    panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    values = ["Value"] if len(columns) == 1 else [f"Value #{letter}" for letter in ascii_uppercase]
    renamed = {value: query.legend for value, query in zip(values, columns, strict=False)}
    options = {"excludeByName": dict.fromkeys(hidden, True), "renameByName": renamed, "indexByName": {}}
    panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=options))
    for name, unit in units.items():
        panel.override_by_name(name, [models.DynamicConfigValue(id_val="unit", value=unit)])
    return panel.sort_by([common.TableSortByFieldState().display_name(sort_by).desc(True)])


def note(title: str, description: str, markdown: str, *, width: int, height: int) -> text.Panel:
    """Return fixed text."""
    panel = _dressed(text.Panel(), title, description, width=width, height=height)
    return panel.mode(TextMode.MARKDOWN).content(markdown)
