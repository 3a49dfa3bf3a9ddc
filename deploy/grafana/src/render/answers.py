# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""What Prometheus says."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Series:
    labels: dict[str, str]
    points: list[tuple[float, float]]

    def named(self, legend: str) -> str:
        """The legend with the labels filled in; without one, the labels."""
        if legend != "__auto":
            return re.sub(r"\{\{(\w+)\}\}", lambda match: self.labels.get(match[1], ""), legend).strip()
        return ", ".join(self.labels.values()) or "value"


@dataclass(frozen=True)
class Prometheus:
    url: str
    start: float
    end: float
    step: float
    asked: list[str] = field(default_factory=list)

    def over_time(self, expr: str) -> list[Series]:
        result = self._ask("query_range", query=expr, start=self.start, end=self.end, step=self.step)
        return [Series(item["metric"], [(float(t), float(v)) for t, v in item["values"]]) for item in result]

    def now(self, expr: str) -> list[Series]:
        result = self._ask("query", query=expr, time=self.end)
        return [Series(item["metric"], [(float(item["value"][0]), float(item["value"][1]))]) for item in result]

    def exemplars(self, expr: str, most: int = 250) -> list[tuple[float, float]]:
        """Time and value. Of many some, evenly over time, as Grafana thins them, too."""
        result = self._ask("query_exemplars", query=expr, start=self.start, end=self.end)
        every = sorted((float(one["timestamp"]), float(one["value"])) for item in result for one in item["exemplars"])
        return every[::max(1, len(every) // most)]

    def _ask(self, path: str, **parameters: Any) -> Any:
        self.asked.append(path)
        body = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", body, timeout=30) as answer:
                data = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"Prometheus refuses {parameters['query']}: {error.read().decode()[:300]}") from error
        except OSError as error:
            raise SystemExit(f"no Prometheus answers at {self.url}: {error}; give its address with --prometheus") from error
        return data["result"] if isinstance(data, dict) else data
