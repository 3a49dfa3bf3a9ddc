# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What all dashboards have in common: variables, annotations, links to each other, and the grid."""

from typing import Any, Self

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as m

from panels import PROMETHEUS

TAG = "spanqueue"


def choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A list of label values to choose from: several, or all."""
    return (dashboard.QueryVariable(name).label(label).datasource(PROMETHEUS).query(query).multi(True).include_all(True)
            .all_value(".*").refresh(m.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(m.VariableSort.ALPHABETICAL_ASC)
            .current(m.VariableOption(selected=True, text=["All"], value=["$__all"])))


def queues() -> dashboard.QueryVariable:
    return choice("queue", "Queue", "label_values(spanq_queue_paused, queue)")


def types() -> dashboard.QueryVariable:
    return choice("type", "Job type", 'label_values(spanq_job_attempts_total{queue=~"$queue"}, job_type)')


def instances() -> dashboard.QueryVariable:
    return choice("instance", "Instance", "label_values(spanq_build_info, instance)")


def text(name: str, label: str, default: str = "") -> dashboard.TextBoxVariable:
    return (dashboard.TextBoxVariable(name).label(label).default_value(default)
            .current(m.VariableOption(selected=True, text=default, value=default)))


def pages() -> dashboard.TextBoxVariable:
    """Where the pages of SpanQueue are, for links to them."""
    return text("spanqueue", "Pages of SpanQueue", "http://127.0.0.1:9465")


def deploys() -> dashboard.AnnotationQuery:
    """Marks a version that five minutes before did not run."""
    return (dashboard.AnnotationQuery().name("Deploys").datasource(PROMETHEUS).enable(True).icon_color("blue")
            .expr("count by (version) (spanq_build_info) unless count by (version) (spanq_build_info offset 5m)")
            .step("60s").title_format("Version {{version}}").text_format("A process of version {{version}} has come up"))


def alerts(queue: bool) -> dashboard.AnnotationQuery:
    where = ',queue=~"$queue|"' if queue else ""
    return (dashboard.AnnotationQuery().name("Alerts").datasource(PROMETHEUS).enable(True).icon_color("red")
            .expr(f'ALERTS{{alertstate="firing"{where}}}').step("60s")
            .title_format("{{alertname}}").text_format("{{severity}} {{queue}}").tag_keys("severity,queue"))


class Board:
    """A dashboard whose panels flow from left to right, 24 columns wide, in rows that ask a question."""

    def __init__(self, uid: str, title: str, question: str, variables: list[Any]) -> None:
        names = [variable.build().name for variable in variables]
        self._next = 0
        self._dashboard = (
            dashboard.Dashboard(f"SpanQueue / {title}").uid(uid).description(question).tags([TAG]).variables(variables)
            .time("now-1h", "now").refresh("30s").tooltip(m.DashboardCursorSync.CROSSHAIR)
            .annotations([deploys(), alerts("queue" in names)])
            .link(dashboard.DashboardLink("Dashboards").type(m.DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(False)
                  .include_vars(True).keep_time(True)))

    def row(self, question: str) -> Self:
        self._dashboard = self._dashboard.with_row(dashboard.Row(question).id(self._id()))
        return self

    def add(self, panel: Any, width: int, height: int) -> Self:
        self._dashboard = self._dashboard.with_panel(panel.id(self._id()).span(width).height(height))
        return self

    def build(self) -> m.Dashboard:
        return self._dashboard.build()

    def _id(self) -> int:
        self._next += 1
        return self._next
