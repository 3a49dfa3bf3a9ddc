# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Panels over time: lines, stacks, and heatmaps."""

import math
from datetime import datetime
from typing import Any

import matplotlib.dates as dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.ticker import FuncFormatter

from answers import Prometheus, Series
from style import COLORS, GRID, MUTED, PALETTE, TEXT
from units import figure


def at(seconds: float) -> float:
    return float(dates.date2num(datetime.fromtimestamp(seconds)))


def time_axis(axes: Axes, prometheus: Prometheus) -> None:
    axes.set_xlim(at(prometheus.start), at(prometheus.end))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=7))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.tick_params(colors=MUTED, labelsize=8, length=0)
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def lines(axes: Axes, panel: dict[str, Any], prometheus: Prometheus, expr: list[str]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    custom, unit = defaults.get("custom", {}), defaults.get("unit", "short")
    time_axis(axes, prometheus)
    fixed = {item["matcher"]["options"]: p["value"]["fixedColor"] for item in panel["fieldConfig"]["overrides"]
             for p in item["properties"] if p["id"] == "color"}
    found: list[tuple[str, Series]] = []
    for target, query in zip(panel["targets"], expr):
        found += [(item.named(target["legendFormat"]), item) for item in prometheus.over_time(query)]
        if target.get("exemplar"):
            dots = prometheus.exemplars(query)
            axes.scatter([at(t) for t, _ in dots], [v for _, v in dots], s=9, marker="D", color="#5794f2", alpha=0.7, lw=0, zorder=3)
    found.sort(key=lambda pair: pair[0] if pair[0] not in fixed else "")
    colors = [COLORS.get(fixed[name], fixed[name]) if name in fixed else PALETTE[index % len(PALETTE)]
              for index, (name, _) in enumerate(found)]
    if custom.get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
    if custom.get("stacking", {}).get("mode") == "normal":
        _stack(axes, prometheus, found, colors)
    else:
        for (name, item), color in zip(found, colors):
            x, y = _with_gaps(item, prometheus.step)
            axes.plot(x, y, color=color, lw=1.2, label=name)
    _limits(axes, defaults)
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is not None and custom.get("thresholdsStyle"):
            axes.axhline(step["value"], color=COLORS.get(step["color"], step["color"]), lw=1, ls="--")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: figure(value, unit)))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    if found:
        axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.09), ncols=_columns(axes, found),
                    fontsize=7.5, frameon=False, labelcolor=TEXT, handlelength=1, columnspacing=1.2, borderaxespad=0)
    else:
        axes.text(0.5, 0.5, defaults.get("noValue", "No data"), transform=axes.transAxes, ha="center", color=MUTED, fontsize=11)


def _columns(axes: Axes, found: list[tuple[str, Series]]) -> int:
    """How many names of a legend stand beside each other."""
    letters = axes.get_position().width * 300
    return max(1, min(6, int(letters / (8 + max(len(name) for name, _ in found)))))


def _with_gaps(item: Series, step: float) -> tuple[list[float], list[float]]:
    """As Grafana draws it: a missing point breaks the line."""
    x: list[float] = []
    y: list[float] = []
    last = None
    for moment, value in item.points:
        if last is not None and moment - last > step * 1.5:
            x.append(at(last + step))
            y.append(math.nan)
        x.append(at(moment))
        y.append(value)
        last = moment
    return x, y


def _stack(axes: Axes, prometheus: Prometheus, found: list[tuple[str, Series]], colors: list[str]) -> None:
    if not found:
        return
    moments = np.arange(prometheus.start, prometheus.end + 1e-6, prometheus.step)
    rows = []
    for _, item in found:
        row = np.zeros(len(moments))
        for moment, value in item.points:
            row[min(len(moments) - 1, round((moment - prometheus.start) / prometheus.step))] = 0 if math.isnan(value) else value
        rows.append(row)
    axes.stackplot([at(moment) for moment in moments], np.array(rows), labels=[name for name, _ in found], colors=colors, alpha=0.75, lw=0)


def _limits(axes: Axes, defaults: dict[str, Any]) -> None:
    low, high = axes.get_ylim()
    if "min" in defaults:
        drawn = [value for line in axes.get_lines() for value in np.asarray(line.get_ydata(), float) if value > 0]
        axes.set_ylim(bottom=defaults["min"], top=high if drawn or axes.collections else 1)
    if "max" in defaults:
        axes.set_ylim(top=defaults["max"])


def heatmap(axes: Axes, panel: dict[str, Any], prometheus: Prometheus, expr: list[str]) -> None:
    time_axis(axes, prometheus)
    axes.grid(False)
    rows = sorted(prometheus.over_time(expr[0]), key=lambda item: float(item.labels["le"]))
    if not rows:
        axes.text(0.5, 0.5, "No data", transform=axes.transAxes, ha="center", color=MUTED, fontsize=11)
        return
    moments = np.arange(prometheus.start, prometheus.end + 1e-6, prometheus.step)
    counts = np.zeros((len(rows), len(moments)))
    for number, item in enumerate(rows):
        for moment, value in item.points:
            counts[number, min(len(moments) - 1, round((moment - prometheus.start) / prometheus.step))] = value
    # The buckets are cumulative; a cell is what one holds more than the one below it.
    cells = np.diff(counts, axis=0, prepend=0).clip(min=0)
    shown = np.ma.masked_less(cells, 1e-9)
    axes.pcolormesh([at(moment) for moment in moments], range(len(rows)), shown, cmap="turbo", shading="nearest",
                    norm=PowerNorm(0.5, vmin=0, vmax=max(float(cells.max()), 1e-9)))
    bounds = [float(item.labels["le"]) for item in rows]
    marks = range(0, len(bounds), 2)
    axes.set_yticks([mark + 0.5 for mark in marks], [figure(bounds[mark], "s") for mark in marks])
    dots = prometheus.exemplars(expr[0])
    heights = [float(np.interp(math.log(max(v, 1e-6)), [math.log(b) for b in bounds[:-1]], [n + 0.5 for n in range(len(bounds) - 1)]))
               for _, v in dots]
    axes.scatter([at(t) for t, _ in dots], heights, s=6, marker="D", color="white", alpha=0.8, lw=0)
