"""The chart of a run, as SVG: SpanQueue, the floor and the others, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OURS, FLOOR, OTHERS = "#1f6feb", "#d0d7de", "#8c959f"


@dataclass
class Panel:
    title: str
    ours: str
    floor: str
    #: What the peers' cells are called, behind their names.
    peers: str


PANELS = [
    Panel("Enqueue one after the other, jobs/s", "enqueue one after the other", "floor round trip",
          "enqueue one after the other"),
    Panel("Enqueue many, jobs/s", "enqueue in bulk", "floor enqueue", "enqueue many"),
    Panel("Drain, one worker process, jobs/s", "drain, concurrency 100", "floor drain", "drain"),
]


@dataclass
class Bar:
    label: str
    value: float
    colour: str


def bars(panel: Panel, cells: dict[str, dict]) -> list[Bar]:
    found = []
    for name, label, colour in [(panel.floor, "floor: Redis alone", FLOOR), (panel.ours, "SpanQueue", OURS)]:
        if name in cells:
            found.append(Bar(label, cells[name]["rate"], colour))
    for name, figures in cells.items():
        peer, separator, what = name.partition(": ")
        if separator and what == panel.peers:
            found.append(Bar(peer, figures["rate"], OTHERS))
    return sorted(found, key=lambda bar: bar.value)


def draw(summary: dict, file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    # The same figures make the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "spanqueue", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(13, 4))
    for axis, panel in zip(axes, PANELS):
        rows = bars(panel, summary["cells"])
        axis.barh([row.label for row in rows], [row.value for row in rows], color=[row.colour for row in rows])
        for index, row in enumerate(rows):
            axis.text(row.value, index, f" {row.value:,.0f}", va="center", fontsize=8)
        axis.set_title(panel.title, fontsize=10)
        axis.set_xlim(0, max((row.value for row in rows), default=1) * 1.25)
        axis.set_xticks([])
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    figure.suptitle(f"{summary['machine']}, {summary['date']}", fontsize=8, y=0.03)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(file, metadata={"Date": None})
