# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Grafana's dark colours."""

from typing import Any

PAGE, PANEL, TEXT, MUTED, GRID = "#111217", "#181b1f", "#ccccdc", "#8e8e99", "#2c3036"
COLORS = {"green": "#56a64b", "yellow": "#f2cc0c", "orange": "#ff780a", "red": "#e02f44", "blue": "#3274d9", "purple": "#a352cc",
          "text": TEXT, "transparent": "none"}
PALETTE = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#ffb357", "#705da0", "#37872d", "#fade2a",
           "#ff7383", "#96d98d", "#c4162a", "#1f60c4", "#ca95e5"]


def color_at(value: float, steps: list[dict[str, Any]]) -> str:
    """The colour of the last step that a value has reached."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return str(reached[-1])


def text_on(color: str) -> str:
    return "#111217" if color in ("yellow", "orange") else "white"
