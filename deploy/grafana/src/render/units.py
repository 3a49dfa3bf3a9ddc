# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Figures as Grafana writes them."""

import math

SPANS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))


def figure(value: float, unit: str, decimals: int | None = None) -> str:
    """A value with its unit, with three digits that matter unless `decimals` says otherwise."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞"
    if unit == "percentunit":
        return f"{_number(value * 100, decimals)}%"
    if unit == "s":
        return _seconds(value, decimals)
    if unit == "bytes":
        for name, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if abs(value) >= size:
                return f"{_number(value / size, decimals)} {name}"
        return f"{_number(value, decimals)} B"
    if unit.startswith("suffix:"):
        return f"{_number(value, decimals)} {unit.removeprefix('suffix:')}"
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g} K"
    return _number(value, decimals)


def _seconds(value: float, decimals: int | None) -> str:
    if value == 0:
        return "0 s"
    for name, size in SPANS:
        if abs(value) >= size:
            return f"{_number(value / size, decimals)} {name}"
    return f"{value:.2g} s"


def _number(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
