# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Draws a dashboard of deploy/grafana/dashboards as a PNG, from the live answers of a Prometheus.

It is no Grafana: it knows the panels that the dashboards here have, and draws them about as Grafana does.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import expressions
import figures
import plots
from answers import Prometheus
from style import GRID, MUTED, PAGE, PANEL, TEXT

COLUMN, LINE, DPI = 0.66, 0.36, 100  # inches a column and a line of the grid
DRAWERS = {"stat": figures.stat, "table": figures.table, "timeseries": plots.lines, "heatmap": plots.heatmap}


def main() -> None:
    parser = expressions.parser(__doc__ or "")
    parser.add_argument("name")
    parser.add_argument("file", type=Path)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    path = given.folder / f"{given.name}.json"
    if not path.exists():
        raise SystemExit(f"there is no {path}: {', '.join(sorted(p.stem for p in given.folder.glob('*.json')))}")
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    now = time.time()
    step = max(5.0, given.minutes * 60 / 150)
    prometheus = Prometheus(given.prometheus, now - given.minutes * 60, now, step)
    drawn = draw(dashboard, prometheus, expressions.values(given))
    given.file.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(given.file, dpi=DPI, facecolor=PAGE)
    print(f"{given.file}: {len(prometheus.asked)} answers of {given.prometheus}")


def draw(dashboard: dict[str, Any], prometheus: Prometheus, values: dict[str, str]) -> Any:
    panels = [panel for panel in dashboard["panels"] if panel["type"] in (*DRAWERS, "row")]
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) + 1.2
    figure = plt.figure(figsize=(24 * COLUMN, lines * LINE))
    width, height = figure.get_size_inches()
    figure.text(0.1 / width, 1 - 0.22 / height, dashboard["title"], color=TEXT, fontsize=13, weight="bold", va="center")
    for panel in panels:
        grid = panel["gridPos"]
        left, top = grid["x"] * COLUMN / width, 1 - (grid["y"] + 1.2) * LINE / height
        across, down = grid["w"] * COLUMN / width, grid["h"] * LINE / height
        if panel["type"] == "row":
            figure.text(left + 0.1 / width, top - down / 2, "⌄  " + panel["title"], color=TEXT, fontsize=11, weight="bold", va="center")
            continue
        _panel(figure, panel, prometheus, values, (left, top, across, down), (width, height))
    return figure


def _panel(figure: Any, panel: dict[str, Any], prometheus: Prometheus, values: dict[str, str],
           box: tuple[float, float, float, float], size: tuple[float, float]) -> None:
    left, top, across, down = box
    x, y = 1 / size[0], 1 / size[1]
    frame = figure.add_axes((left + 0.03 * x, top - down + 0.03 * y, across - 0.06 * x, down - 0.06 * y))
    frame.set_facecolor(PANEL)
    frame.set_xticks([])
    frame.set_yticks([])
    for spine in frame.spines.values():
        spine.set_color(GRID)
    figure.text(left + 0.12 * x, top - 0.19 * y, panel["title"], color=TEXT, fontsize=9.5, va="center")
    queries = [expressions.filled(target["expr"], values) for target in panel["targets"]]
    sides = {"timeseries": (0.75, 0.12, 0.78), "heatmap": (0.75, 0.12, 0.3)}.get(panel["type"], (0.1, 0.1, 0.1))
    inner = figure.add_axes((left + sides[0] * x, top - down + sides[2] * y, across - (sides[0] + sides[1]) * x,
                             down - (sides[2] + 0.4) * y))
    inner.set_facecolor(PANEL)
    try:
        DRAWERS[panel["type"]](inner, panel, prometheus, queries)
    except ValueError as error:
        inner.text(0.5, 0.5, str(error), transform=inner.transAxes, ha="center", color=MUTED)


if __name__ == "__main__":
    main()
