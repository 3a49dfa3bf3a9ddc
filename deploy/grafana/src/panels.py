# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Builders of panels: each asks for a title, a description and a unit, so that no panel can be without."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat as stats, table as tables, timeseries
from grafana_foundation_sdk.models import common as c, dashboard as m, heatmap as h
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = c.DataSourceRef(type_val="prometheus", uid="prometheus")
TEMPO = c.DataSourceRef(type_val="tempo", uid="tempo")

JOBS_PER_SECOND = "suffix:jobs/s"
Steps = Sequence[tuple[float | None, str]]
Links = dashboard.DashboardLink | Sequence[dashboard.DashboardLink] | None

NEUTRAL: Steps = [(None, "blue")]
OUTCOME_COLORS = {
    "completed": "green", "retried": "yellow", "buried": "red", "lost": "purple", "cancelled": "text", "released": "blue"}
STATE_COLORS = {"ready": "yellow", "active": "green", "scheduled": "blue", "retrying": "orange", "dead": "red"}


@dataclass(frozen=True)
class Query:
    expr: str
    legend: str = "__auto"
    exemplar: bool = False


def to(uid: str, title: str, **variables: str) -> dashboard.DashboardLink:
    """A link to another dashboard at the same time range; variables are filled in by Grafana."""
    filled = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return dashboard.DashboardLink(title).url(f"/d/{uid}?${{__url_time_range}}{filled}")


def by_label(label: str) -> str:
    return "${__field.labels." + label + "}"


def page_of(path: str, title: str = "Open in SpanQueue") -> dashboard.DashboardLink:
    """A link to a page of SpanQueue's own; where they are says the variable of `board.pages()`."""
    return dashboard.DashboardLink(title).url("${spanqueue}" + path)


QUEUE_LINK = to("spanq-queue", "Open queue", queue=by_label("queue"))
QUEUE_PAGE = page_of("/queues/" + by_label("queue"))
TYPE_LINK = to("spanq-job-types", "Open job type", type=by_label("job_type"))
WORKER_LINK = to("spanq-workers", "Open worker", instance=by_label("instance"))


def all_of(links: Links) -> list[dashboard.DashboardLink]:
    return [links] if isinstance(links, dashboard.DashboardLink) else list(links or [])


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(m.ThresholdsMode.ABSOLUTE).steps(
        [m.Threshold(value=value, color=color) for value, color in steps])


def _targets(queries: Sequence[Query], instant: bool = False, form: PromQueryFormat = PromQueryFormat.TIME_SERIES) -> list[Any]:
    result = []
    for index, query in enumerate(queries):
        target = (prometheus.Dataquery().ref_id(chr(ord("A") + index)).expr(query.expr).legend_format(query.legend)
                  .datasource(PROMETHEUS).format(form))
        target = target.instant() if instant else target.range()
        result.append(target.exemplar(True) if query.exemplar else target)
    return result


def stat(title: str, description: str, expr: str, unit: str, steps: Steps, *, link: Links = None,
         decimals: int | None = None, words: dict[str, tuple[str, str]] | None = None, graph: bool = True,
         instant: bool = False) -> stats.Panel:
    """One figure whose background says whether it is well. `words` maps a value to a text and a colour."""
    panel = (stats.Panel().title(title).description(description).datasource(PROMETHEUS)
             .targets(_targets([Query(expr, title)], instant)).unit(unit).thresholds(thresholds(steps))
             .color_mode(c.BigValueColorMode.BACKGROUND)
             .graph_mode(c.BigValueGraphMode.AREA if graph and not instant else c.BigValueGraphMode.NONE)
             .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)))
    if decimals is not None:
        panel = panel.decimals(decimals)
    if words:
        panel = panel.mappings([m.ValueMap(options={
            value: m.ValueMappingResult(text=text, color=color) for value, (text, color) in words.items()})])
    return panel.data_links(all_of(link)) if link else panel


def series(title: str, description: str, unit: str, queries: Sequence[Query], *, steps: Steps = (), stack: bool = False,
           link: Links = None, colors: dict[str, str] | None = None,
           low: float | None = 0, high: float | None = None, log: bool = False, empty: str = "No data") -> timeseries.Panel:
    """Lines over time. `steps` draws thresholds, `log` is for times, which differ by orders of magnitude, and `empty` is
    said where there is no series."""
    legend = (common.VizLegendOptions().placement(c.LegendPlacement.BOTTOM).show_legend(True)
              .display_mode(c.LegendDisplayMode.LIST).calcs([]))
    panel = (timeseries.Panel().title(title).description(description).datasource(PROMETHEUS).targets(_targets(queries))
             .unit(unit).no_value(empty).legend(legend).line_width(1).fill_opacity(60 if stack else 8).show_points(c.VisibilityMode.NEVER)
             .tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING)))
    if stack:
        panel = panel.stacking(common.StackingConfig().mode(c.StackingMode.NORMAL).group("A"))
    if log:
        panel = panel.scale_distribution(common.ScaleDistributionConfig().type(c.ScaleDistribution.LOG).log(10))
    elif low is not None:
        panel = panel.min(low)
    if high is not None:
        panel = panel.max(high)
    if steps:
        panel = panel.thresholds(thresholds(steps)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(c.GraphThresholdsStyleMode.DASHED))
    for name, color in (colors or {}).items():
        panel = panel.override_by_name(name, [m.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})])
    return panel.data_links(all_of(link)) if link else panel


def latency(title: str, description: str, metric: str, where: str, quantile: Any, *, steps: Steps = (),
            link: Links = None) -> timeseries.Panel:
    """p50, p95 and p99 on a logarithmic axis; the dots are exemplars, each the trace of one job."""
    queries = [Query(quantile(q, metric, where), f"p{round(q * 100)}", exemplar=q == 0.99) for q in (0.5, 0.95, 0.99)]
    return series(title, description + " Each dot is one job: click it for its trace.", "s", queries, steps=steps, link=link,
                  log=True, colors={"p50": "green", "p95": "yellow", "p99": "red"})


def heat(title: str, description: str, expr: str) -> heatmap.Panel:
    """Where the observations of a histogram fell; the dots are exemplars."""
    query = _targets([Query(expr, "{{le}}", exemplar=True)], form=PromQueryFormat.HEATMAP)
    return (heatmap.Panel().title(title).description(description + " Each dot is one job: click it for its trace.")
            .datasource(PROMETHEUS).targets(query).calculate(False).unit("short").decimals(0)
            .color(heatmap.HeatmapColorOptions().mode(h.HeatmapColorMode.SCHEME).scheme("Turbo")
                   .scale(h.HeatmapColorScale.EXPONENTIAL).exponent(0.5).steps(64).reverse(False).fill("dark-orange"))
            .y_axis(heatmap.YAxisConfig().unit("s").axis_placement(c.AxisPlacement.LEFT))
            .filter_values(heatmap.FilterValueRange().le(1e-9)).cell_gap(1).exemplars_color("rgba(255,255,255,0.9)")
            .tooltip(heatmap.HeatmapTooltip().mode(c.TooltipDisplayMode.SINGLE).y_histogram(True)))


@dataclass(frozen=True)
class Column:
    name: str
    expr: str
    unit: str = "short"
    steps: Steps = ()
    decimals: int | None = None
    words: dict[str, tuple[str, str]] | None = None


def table(title: str, description: str, label: str, head: str, columns: Sequence[Column], *,
          link: Links = None, sort: str | None = None, empty: str = "No data") -> tables.Panel:
    """One line for each value of `label` (or of several, apart by commas), a column for each expression."""
    refs = [f"Value #{chr(ord('A') + index)}" for index in range(len(columns))]
    names = dict(zip(refs, (column.name for column in columns)))
    names |= dict(zip(label.split(","), head.split(",")))
    order = {name: index for index, name in enumerate([*label.split(","), *refs])}
    panel = (tables.Panel().title(title).description(description).datasource(PROMETHEUS).unit("short").no_value(empty)
             .targets(_targets([Query(column.expr) for column in columns], True, PromQueryFormat.TABLE))
             .with_transformation(m.DataTransformerConfig("merge", options={}))
             .with_transformation(m.DataTransformerConfig("organize", options={
                 "excludeByName": {"Time": True}, "indexByName": order, "renameByName": names})))
    for column in columns:
        panel = panel.override_by_name(column.name, _column(column))
    if link:
        panel = panel.override_by_name(head.split(",")[0], [m.DynamicConfigValue("links", [one.build() for one in all_of(link)])])
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
    return panel


def _column(column: Column) -> list[m.DynamicConfigValue]:
    values = [m.DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        values.append(m.DynamicConfigValue("decimals", column.decimals))
    if column.steps:
        values.append(m.DynamicConfigValue("thresholds", thresholds(column.steps).build()))
        values.append(m.DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    if column.words:
        values.append(m.DynamicConfigValue("mappings", [m.ValueMap(options={
            value: m.ValueMappingResult(text=text, color=color) for value, (text, color) in column.words.items()})]))
    return values
