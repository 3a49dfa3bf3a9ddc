# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Panels that ask Tempo."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard, nodegraph, table as tables, tempo
from grafana_foundation_sdk.models import dashboard as m
from grafana_foundation_sdk.models.tempo import SearchTableType

from panels import TEMPO, page_of

# A click puts an id into the page's own boxes, and the panels follow. These are the names of Tempo's columns: in a table of
# spans, the trace's id is in one that is not shown.
HERE = "/d/spanq-job-trace?${__url_time_range}&${queue:queryparam}&var-slow=${slow}"
LINKS = {
    "traceID": [{"title": "Draw this trace", "url": HERE + "&var-job=${job}&var-trace=${__value.raw}"}],
    "spanID": [{"title": "Draw this trace", "url": HERE + "&var-job=${job}&var-trace=${__data.fields.traceIdHidden}"}],
    "messaging.message.id": [
        {"title": "Show this job", "url": HERE + "&var-job=${__value.raw}&var-trace=${__data.fields.traceIdHidden}"},
        page_of("/jobs/${__value.raw}").build()],
}


def _search(query: str, kind: SearchTableType, limit: int) -> tempo.Dataquery:
    return (tempo.Dataquery().ref_id("A").datasource(TEMPO).query_type("traceql").query(query).table_type(kind).limit(limit)
            .spss(10))


def found(title: str, description: str, query: str, kind: SearchTableType = SearchTableType.SPANS, limit: int = 50) -> tables.Panel:
    """The traces or spans that a TraceQL query finds, newest first."""
    panel = (tables.Panel().title(title).description(description).datasource(TEMPO).targets([_search(query, kind, limit)])
             .unit("short"))
    for name, links in LINKS.items():
        panel = panel.override_by_name(name, [m.DynamicConfigValue("links", links)])
    return panel


def waterfall(title: str, description: str, trace_id: str) -> dashboard.Panel:
    """One trace, by its id."""
    target = tempo.Dataquery().ref_id("A").datasource(TEMPO).query_type("traceql").query(trace_id)
    return dashboard.Panel().type("traces").title(title).description(description).datasource(TEMPO).targets([target])


def service_map(title: str, description: str) -> Any:
    """Who enqueues for whom, from Tempo's service graph."""
    target = tempo.Dataquery().ref_id("A").datasource(TEMPO).query_type("serviceMap")
    return nodegraph.Panel().title(title).description(description).datasource(TEMPO).targets([target]).unit("short")
