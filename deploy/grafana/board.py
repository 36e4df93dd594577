"""How a dashboard is put together: rows of panels, each with its queries, three to a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import DataSourceRef, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import Dashboard

_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
P = TypeVar("P", timeseries.Panel, stat.Panel)


class Query(NamedTuple):
    """An expression of PromQL and how its series are called."""

    expression: str
    legend: str = "__auto"


class Panel(NamedTuple):
    """A panel. unit: as Grafana names it (s, reqps, bytes, percentunit, short). kind: a graph, or one number."""

    title: str
    says: str
    unit: str
    queries: Sequence[Query]
    kind: Literal["graph", "number"] = "graph"


class Board(NamedTuple):
    """A dashboard: rows by their titles."""

    uid: str
    title: str
    says: str
    rows: dict[str, Sequence[Panel]]


def build(board: Board) -> Dashboard:
    """The dashboard as Grafana reads it."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.says)
        .tags(["samplewatch"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
    )
    for title, panels in board.rows.items():
        built = built.with_row(dashboard.Row(title))
        for panel in panels:
            built = built.with_panel(_graph(panel) if panel.kind == "graph" else _number(panel))
    return built.build()


def _graph(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    built = timeseries.Panel().title(panel.title).description(panel.says).unit(panel.unit).datasource(_SOURCE)
    return _with_queries(built.span(8).height(8).fill_opacity(8).min(0).legend(legend), panel)


def _number(panel: Panel) -> stat.Panel:
    built = stat.Panel().title(panel.title).description(panel.says).unit(panel.unit).datasource(_SOURCE)
    return _with_queries(built.span(4).height(5), panel)


def _with_queries(built: P, panel: Panel) -> P:
    for number, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(chr(65 + number))
        built.with_target(target.datasource(_SOURCE).range())
    return built
