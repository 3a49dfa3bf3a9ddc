# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""The stack without Docker: Redis, two workers, `spanq serve`, Prometheus and Alertmanager with the shipped configurations, of which
only addresses and times are changed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import yaml

from endpoints import Collector, Webhook
from ports import free_port, wait_for
from processes import Processes
from prometheus import Prometheus

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "Tools/observability/alerts"))
import promql  # noqa: E402

# Scraped by the shipped prometheus.yml, and not here: why.
NOT_HERE = {"grafana": "Debian has no Grafana"}
WORKERS = ("worker-1", "worker-2")


class Stack:
    """Use as a context; see `start`. `factor` is what all times of rules and routes are divided by."""

    def __init__(self, spanq: Path, factor: float, name: str) -> None:
        self.spanq = spanq
        self.factor = factor
        self.processes = Processes(f"spanq-{name}-")
        self.folder = self.processes.folder
        self.collector, self.webhook = Collector(), Webhook()
        self.ports = {name: free_port() for name in (*WORKERS, "server", "producer", "gateway", "grpc", "redis", "prometheus", "alertmanager")}
        self.prometheus = Prometheus(f"http://127.0.0.1:{self.ports['prometheus']}")
        self.environment = {
            "PATH": f"{spanq.parent}:{os.environ['PATH']}",
            "SPANQ_REDIS_URL": f"unix://{self.folder}/redis.sock",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.collector.port}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_BSP_EXPORT_TIMEOUT": "2000",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.processes.__exit__(*error)
        self.collector.stop()
        self.webhook.stop()

    def start(self, worker: dict[str, Any], producer: bool = False) -> None:
        """Starts everything. `worker` is the workers' configuration. A producer is `spanq dev`, which brings its own Redis and puts jobs of
        its own into the queue `demo`; with it there is a gateway, and programs in Python that use it."""
        self.collector.start()
        self.webhook.start()
        (self.folder / "worker.yaml").write_text(yaml.safe_dump(worker))
        if producer:
            self.processes.start("producer", [self.spanq, "dev", "--redis-socket", self.folder / "redis.sock", "--queues", "demo",
                                              "--listen", f"127.0.0.1:{self.ports['producer']}"], self.environment)
            self.processes.answering("producer", self.page("producer"))
        else:
            self.start_redis()
        for name in WORKERS:
            self.start_worker(name)
        self.processes.start("server", [self.spanq, "serve", "--listen", f"127.0.0.1:{self.ports['server']}"], self.environment)
        self.processes.start("redis-exporter", ["prometheus-redis-exporter", f"--redis.addr=unix://{self.folder}/redis.sock",
                                                f"--web.listen-address=127.0.0.1:{self.ports['redis']}"])
        self.start_alertmanager()
        if producer:
            self.start_gateway()
        self.start_prometheus(["producer", "gateway"] if producer else [])
        for name in (*WORKERS, "server"):
            self.processes.answering(name, self.page(name))

    def page(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}/metrics"

    def start_redis(self) -> None:
        self.processes.start("redis-server", ["redis-server", "--port", "0", "--unixsocket", self.folder / "redis.sock", "--save", "",
                                              "--appendonly", "yes", "--dir", self.folder, "--maxmemory-policy", "noeviction"])
        # A dump is loaded before anything is answered.
        wait_for("Redis", lambda: self.run("queue", "list", check=False).returncode == 0)

    def start_worker(self, name: str) -> None:
        self.processes.start(name, [self.spanq, "worker", "--config", self.folder / "worker.yaml",
                                    "--listen", f"127.0.0.1:{self.ports[name]}"], self.environment | {"OTEL_SERVICE_NAME": name})

    def start_gateway(self) -> None:
        address = f"127.0.0.1:{self.ports['grpc']}"
        self.processes.start("gateway", [self.spanq.parent / "spanq-gateway", "--listen", address,
                                         "--metrics-listen", f"127.0.0.1:{self.ports['gateway']}"], self.environment)
        self.processes.answering("gateway", self.page("gateway"))
        self.processes.start("gateway-clients", [sys.executable, Path(__file__).with_name("gateway_clients.py"), address],
                             {"PYTHONPATH": str(ROOT / "clients/python/src")})

    def start_alertmanager(self) -> None:
        config = self.shorter(yaml.safe_load((ROOT / "deploy/alertmanager/alertmanager.yml").read_text()))
        text = yaml.safe_dump(config).replace("alert-receiver:9467", f"127.0.0.1:{self.webhook.port}")
        (self.folder / "alertmanager.yml").write_text(text)
        program = "prometheus-alertmanager" if Path("/usr/bin/prometheus-alertmanager").exists() else "alertmanager"
        address = f"127.0.0.1:{self.ports['alertmanager']}"
        self.processes.start("alertmanager", [program, "--config.file=alertmanager.yml", "--storage.path=alertmanager",
                                              "--cluster.listen-address=", f"--web.listen-address={address}"])
        self.processes.answering("alertmanager", f"http://{address}/-/ready")

    def shorter(self, value: Any, key: str = "") -> Any:
        """Alertmanager's configuration with each wait and interval divided, to a second at least."""
        if isinstance(value, dict):
            return {name: self.shorter(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.shorter(item) for item in value]
        if re.fullmatch(r"\w+_(wait|interval)", key):
            return f"{max(1000, round(self.seconds(value) * 1000))}ms"
        return value

    def seconds(self, duration: str) -> float:
        """How long a time of the shipped configurations, such as `1h30m`, is here."""
        return promql.seconds(duration) / self.factor

    def start_prometheus(self, more: list[str]) -> None:
        subprocess.run([sys.executable, ROOT / "Tools/observability/shorten-rules", str(self.factor), self.folder / "rules"], check=True,
                       stdout=subprocess.DEVNULL)
        self.write_prometheus_config(more)
        address = f"127.0.0.1:{self.ports['prometheus']}"
        self.processes.start("prometheus", ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus",
                                            "--enable-feature=exemplar-storage", f"--web.listen-address={address}", "--log.format=json"])
        self.processes.answering("prometheus", f"http://{address}/-/ready")

    def write_prometheus_config(self, more: list[str]) -> None:
        """The shipped one: scraped and evaluated every second, its names replaced by the ports of this machine."""
        config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [f"127.0.0.1:{self.ports['alertmanager']}"]}]}]
        ports = {"spanq": [*(self.ports[name] for name in (*WORKERS, "server", *more))], "redis": [self.ports["redis"]],
                 "prometheus": [self.ports["prometheus"]], "alertmanager": [self.ports["alertmanager"]], "tempo": [self.collector.port]}
        jobs = [job for job in config["scrape_configs"] if job["job_name"] not in NOT_HERE]
        if unknown := {job["job_name"] for job in jobs} ^ set(ports):
            raise ValueError(f"deploy/prometheus/prometheus.yml scrapes other jobs than this test knows: {', '.join(sorted(unknown))}")
        for job in jobs:
            job.pop("dns_sd_configs", None)
            job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in ports[job["job_name"]]]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config | {"scrape_configs": jobs}))

    def run(self, *arguments: str, lines: list[dict[str, Any]] | None = None, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """A command of spanq; `lines` are handed to it as JSON."""
        text = "".join(json.dumps(line) + "\n" for line in lines or [])
        return subprocess.run([self.spanq, *arguments], input=text, env=os.environ | self.environment, check=check, text=True,
                              capture_output=True, timeout=60)

    def redis(self, *arguments: str) -> None:
        """A command of Redis."""
        subprocess.run(["redis-cli", "-s", self.folder / "redis.sock", *arguments], check=True, capture_output=True, timeout=60)

    def enqueue(self, lines: list[dict[str, Any]]) -> None:
        """Jobs, as `spanq enqueue --batch` takes them."""
        self.run("enqueue", "--batch", "-", lines=lines)
