# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Questions to a running Prometheus."""

import json
import math
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer. Throws `ValueError` with what Prometheus says is wrong."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error).get("error", error.reason)) from error

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant, each with one value; a scalar as one series."""
        data = self.get("query", query=expr)
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]

    def has_data(self, expr: str, over: float = 0, step: float = 5) -> bool:
        """Whether any series has a value that is a number, now or, given seconds, at any step of the last ones."""
        if over:
            now = time.time()
            series = self.get("query_range", query=expr, start=now - over, end=now, step=step)["result"]
        else:
            series = self.query(expr)
        points = [point for one in series for point in one.get("values") or [one["value"]]]
        return any(not math.isnan(float(value)) for _, value in points)

    def value(self, expr: str) -> float | None:
        """The value of the first series, if there is any."""
        series = self.query(expr)
        return float(series[0]["value"][1]) if series else None
