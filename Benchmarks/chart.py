# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The chart of a run, as SVG: SpanQueue, the floor and the others, one panel below the other.

Written by hand and not by a plotting library, because it has to follow the reader's light or dark scheme, which takes styles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, MARGIN = 830, 190, 90, 20
ROW, BAR, TITLE = 22, 14, 34

STYLE = """
text { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .quiet { fill: #59636e } .ours-text { font-weight: 600 } .end { text-anchor: end }
.paper { fill: #ffffff; stroke: #d1d9e0 } .ours { fill: #0969da } .others { fill: #818b98 }
.floor { fill: #ffffff; stroke: #818b98; stroke-dasharray: 4 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .quiet { fill: #9198a1 } .paper { fill: #0d1117; stroke: #3d444d }
  .ours { fill: #4493f8 } .others { fill: #656c76 } .floor { fill: #0d1117; stroke: #9198a1 }
}
"""

LEGEND = [
    ("ours", "SpanQueue"), ("others", "other queues, in the same run"), ("floor", "floor: Redis alone, a bound and no rival"),
]


@dataclass
class Panel:
    title: str
    ours: str
    #: Cells of the floor, and what they are called here.
    floors: dict[str, str]
    #: What the peers' cells are called, behind their names.
    peers: str


PANELS = [
    Panel(
        "Enqueue one after the other", "enqueue one after the other",
        {"floor round trip": "script that does nothing", "floor round trip, enqueue's script": "our script, bare client"},
        "enqueue one after the other"),
    Panel(
        "Enqueue many", "enqueue in bulk",
        {"floor enqueue": "stream, payload alone", "floor enqueue, fields of a job": "stream, a job's fields"},
        "enqueue many"),
    Panel(
        "Drain, one worker process", "drain, concurrency 100",
        {"floor drain": "stream, payload alone", "floor drain, fields of a job": "stream, a job's fields"}, "drain"),
]


@dataclass
class Bar:
    label: str
    value: float
    kind: str


def bars(panel: Panel, cells: dict[str, dict]) -> list[Bar]:
    """The fastest first."""
    found = [Bar(label, cells[name]["rate"], "floor") for name, label in panel.floors.items() if name in cells]
    if panel.ours in cells:
        found.append(Bar("SpanQueue", cells[panel.ours]["rate"], "ours"))
    for name, figures in cells.items():
        peer, separator, what = name.partition(": ")
        if separator and what == panel.peers:
            found.append(Bar(peer, figures["rate"], "others"))
    return sorted(found, key=lambda bar: -bar.value)


def text(x: float, y: float, words: str, *classes: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{" ".join(classes)}">{escape(words)}</text>'


def bar(x: float, y: float, width: float, kind: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR}" class="{kind}"/>'


def draw(summary: dict, file: Path) -> None:
    parts: list[str] = []
    x = MARGIN
    for kind, words in LEGEND:
        parts += [bar(x, MARGIN, BAR * 1.5, kind), text(x + 28, MARGIN + 12, words)]
        x += 60 + 7 * len(words)
    y = MARGIN + ROW
    for panel in PANELS:
        rows = bars(panel, summary["cells"])
        if not rows:
            continue
        y += TITLE
        parts += [text(MARGIN, y, panel.title, "title"), text(WIDTH - MARGIN, y, "jobs a second", "quiet", "end")]
        y += 10
        for row in rows:
            width = row.value / rows[0].value * (WIDTH - LEFT - RIGHT - MARGIN)
            weight = "ours-text" if row.kind == "ours" else ""
            parts += [
                text(LEFT - 8, y + 12, row.label, "end", weight or "quiet"), bar(LEFT, y, width, row.kind),
                text(LEFT + width + 6, y + 12, f"{row.value:,.0f}", weight),
            ]
            y += ROW
    y += TITLE
    parts.append(text(MARGIN, y, f"{summary['machine']}, {summary['date']}", "quiet"))
    height = y + MARGIN
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">\n'
        f"<title>Jobs a second of SpanQueue, the floor, and other queues</title>\n<style>{STYLE}</style>\n"
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" class="paper"/>\n'
        + "\n".join(parts) + "\n</svg>\n")
