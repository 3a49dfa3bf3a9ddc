# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Panels of figures: single ones, and tables."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from answers import Prometheus, Series
from style import COLORS, MUTED, TEXT, color_at, text_on
from units import figure


def stat(axes: Axes, panel: dict[str, Any], prometheus: Prometheus, expr: list[str]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    answer = prometheus.now(expr[0]) if panel["targets"][0].get("instant") else prometheus.over_time(expr[0])
    axes.axis("off")
    if not answer:
        axes.text(0.5, 0.45, "No data", transform=axes.transAxes, ha="center", va="center", color=MUTED, fontsize=13)
        return
    for index, item in enumerate(answer):
        _one_stat(axes, panel, defaults, item, index / len(answer), 1 / len(answer), len(answer) > 1)


def _one_stat(axes: Axes, panel: dict[str, Any], defaults: dict[str, Any], item: Series, left: float, width: float,
              named: bool) -> None:
    value = item.points[-1][1]
    words, color = words_for(value, defaults.get("mappings", []))
    color = color or color_at(value, defaults["thresholds"]["steps"])
    box = axes.inset_axes((left + 0.005, 0, width - 0.01, 1))
    box.set_facecolor(COLORS.get(color, color))
    box.set_xticks([])
    box.set_yticks([])
    for spine in box.spines.values():
        spine.set_visible(False)
    if panel["options"]["graphMode"] == "area" and len(item.points) > 1:
        points = [v for _, v in item.points]
        box.fill_between(range(len(points)), points, color="white", alpha=0.22, lw=0)
        box.set_ylim(0, max(max(points) * 2.6, 1e-9))
        box.set_xlim(0, len(points) - 1)
    shown = words or figure(value, defaults.get("unit", "short"), defaults.get("decimals"))
    ink = text_on(color)
    box.text(0.5, 0.55, shown, transform=box.transAxes, ha="center", va="center", color=ink,
             fontsize=22 if len(shown) < 8 else 15, weight="bold")
    if named:
        box.text(0.5, 0.2, item.named("__auto"), transform=box.transAxes, ha="center", va="center", color=ink, fontsize=9)


def words_for(value: float, mappings: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    for mapping in mappings:
        found = mapping["options"].get(f"{value:g}")
        if found:
            return found.get("text"), found.get("color")
    return None, None


def table(axes: Axes, panel: dict[str, Any], prometheus: Prometheus, expr: list[str]) -> None:
    """Answers joined by their labels, named and ordered as the panel's `organize` says."""
    organize = panel["transformations"][-1]["options"]
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    labels = [name for name in organize["indexByName"] if not name.startswith("Value #")]
    for target, query in zip(panel["targets"], expr):
        for item in prometheus.now(query):
            key = tuple(item.labels.get(label, "") for label in labels)
            rows.setdefault(key, dict(zip(labels, key)))[f"Value #{target['refId']}"] = item.points[0][1]
    properties = {item["matcher"]["options"]: {p["id"]: p.get("value") for p in item["properties"]}
                  for item in panel["fieldConfig"]["overrides"]}
    columns = sorted(organize["indexByName"], key=lambda name: organize["indexByName"][name])
    heads = [organize["renameByName"].get(column, column) for column in columns]
    axes.axis("off")
    lines = list(rows.values())
    for sort in panel["options"].get("sortBy", []):
        column = next(name for name, head in organize["renameByName"].items() if head == sort["displayName"])
        lines.sort(key=lambda line: line.get(column, 0), reverse=sort["desc"])
    edges = [_edge(index, len(columns)) for index in range(len(columns) + 1)]
    height = 1 / max(7, len(lines) + 1)
    for index, head in enumerate(heads):
        axes.text(edges[index] + 0.008, 1 - height / 2, head,
                  transform=axes.transAxes, va="center", color=TEXT, fontsize=9, weight="bold")
    for number, line in enumerate(lines):
        bottom = 1 - (number + 2) * height
        for index, (column, head) in enumerate(zip(columns, heads)):
            _cell(axes, line.get(column), properties.get(head, {}), edges[index], bottom, edges[index + 1] - edges[index], height)
    if not lines:
        axes.text(0.5, 0.45, panel["fieldConfig"]["defaults"].get("noValue", "No data"), transform=axes.transAxes, ha="center", va="center", color=MUTED, fontsize=11)


def _edge(index: int, columns: int) -> float:
    """Where a column begins. The first of many is wider: it has names."""
    if columns <= 4 or index == 0:
        return index / columns
    return 0.14 + (index - 1) * 0.86 / (columns - 1)


def _cell(axes: Axes, value: Any, properties: dict[str, Any], left: float, bottom: float, width: float, height: float) -> None:
    if value is None:
        return
    shown, color = (value, "transparent") if isinstance(value, str) else (
        figure(value, properties.get("unit", "short"), properties.get("decimals")), "transparent")
    if not isinstance(value, str):
        words, mapped = words_for(value, properties.get("mappings", []))
        shown = words or shown
        if properties.get("thresholds"):
            color = mapped or color_at(value, properties["thresholds"]["steps"])
    if color != "transparent":
        axes.add_patch(Rectangle((left, bottom + 0.004), width - 0.004, height - 0.008, transform=axes.transAxes,
                                 color=COLORS.get(color, color), lw=0))
    axes.text(left + 0.008, bottom + height / 2, shown, transform=axes.transAxes, va="center", fontsize=9,
              color=text_on(color) if color != "transparent" else "#6e9fff" if "links" in properties else TEXT)
