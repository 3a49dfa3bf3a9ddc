#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Checks what no schema knows about docker-compose.yml: that every file it mounts is there, that all parts name each other
by the right host and port, that nothing can be reached from outside, and that every container is locked down.

usage: check_compose.py      in a checkout; prints each problem on a line, and ends with 1 if there is one
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
# Images that are built from the Dockerfile.
OWN_TAG = ":local"
# Seconds between the end of a drain and the kill: for the last export of spans.
MARGIN = 10

problems: list[str] = []


def expect(condition: object, problem: str) -> None:
    if not condition:
        problems.append(problem)


def read(path: str) -> Any:
    """A YAML file of the checkout; {} and a problem where it is missing."""
    file = ROOT / path
    if not file.is_file():
        problems.append(f"{path} is missing")
        return {}
    return yaml.safe_load(file.read_text()) or {}


def interpolated(text: str) -> str:
    """As Compose does where no variable is set: ${NAME:-default}, also one in the other, and $$."""
    while (inner := re.sub(r"(?<!\$)\$\{\w+:-([^${}]*)\}", r"\1", text)) != text:
        text = inner
    return text.replace("$$", "$")


def seconds(text: str) -> int:
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600}[unit] for number, unit in re.findall(r"(\d+)([smh])", text))


def strings(value: Any) -> Iterator[str]:
    """Every text in a tree of mappings and lists."""
    if isinstance(value, str):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from strings(child)


class Stack:
    def __init__(self) -> None:
        text = interpolated((ROOT / "docker-compose.yml").read_text())
        compose = yaml.safe_load(text)
        self.services: dict[str, dict[str, Any]] = compose["services"]
        self.volumes: set[str] = set(compose["volumes"])

    def mounts(self, name: str) -> list[tuple[str, str, str]]:
        """Source, target and mode of each volume of a service."""
        parts = [volume.split(":") for volume in self.services[name].get("volumes", [])]
        return [(part[0], part[1], part[2] if len(part) > 2 else "") for part in parts]

    def file(self, name: str, path: str) -> Path | None:
        """The file of the checkout that a service sees under a path."""
        for source, target, _ in self.mounts(name):
            if path == target or path.startswith(target + "/"):
                return ROOT / source / path[len(target) + 1 :] if path != target else ROOT / source
        return None

    def ports(self, name: str) -> set[int]:
        """Where a service listens: by what is published, by its health check, and by SPANQ_LISTEN."""
        service = self.services[name]
        found = {int(port.split(":")[-1]) for port in service.get("ports", [])}
        texts = [*strings(service.get("healthcheck", {})), *service.get("environment", {}).values()]
        for text in texts:
            found |= {int(port) for port in re.findall(r"(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)", str(text))}
        return found | {"redis": {6379}, "postgres": {5432}}.get(name, set())


def check_container(stack: Stack, name: str) -> None:
    service = stack.services[name]
    image = service.get("image", "")
    expect(image.endswith(OWN_TAG) or re.search(r":v?\d+\.\d+(\.\d+)?(-|$)", image), f"{name}: image {image} is not pinned to a version")
    expect(service.get("read_only") is True, f"{name}: read_only is not set")
    expect(re.fullmatch(r"[1-9]\d*:\d+", str(service.get("user"))), f"{name}: user is not a number other than 0")
    expect(service.get("cap_drop") == ["ALL"] and "cap_add" not in service, f"{name}: has capabilities")
    expect("no-new-privileges:true" in service.get("security_opt", []), f"{name}: may gain privileges")
    expect(service.get("healthcheck", {}).get("test"), f"{name}: has no healthcheck")
    expect("stop_grace_period" in service, f"{name}: has no stop_grace_period")
    expect("container_name" not in service and "privileged" not in service, f"{name}: has a fixed name or privileges")
    for port in service.get("ports", []):
        expect(str(port).startswith("127.0.0.1:"), f"{name}: port {port} is not bound to 127.0.0.1")
    for source, target, mode in stack.mounts(name):
        if source.startswith((".", "/")):
            expect((ROOT / source).exists(), f"{name}: {source} is not there")
            expect(mode == "ro", f"{name}: {source} is not mounted read-only")
        else:
            expect(source in stack.volumes, f"{name}: volume {source} is not declared")
    for other, how in service.get("depends_on", {}).items():
        expect(other in stack.services, f"{name}: depends on {other}, which is not a service")
        expect(how.get("condition") == "service_healthy", f"{name}: does not wait for {other} to be healthy")
    for flag in strings(service.get("command", [])):
        if found := re.fullmatch(r"--?config\.file=(.+)", flag):
            file = stack.file(name, found[1])
            expect(file and file.is_file(), f"{name}: {found[1]} is mounted from nowhere")
    for text in service.get("environment", {}).values():
        check_address(stack, f"{name}: environment", str(text))


def check_address(stack: Stack, where: str, text: str) -> None:
    """A host without a dot is a service; it must be there, and listen on that port."""
    found = re.match(r"(?:\w+://)?(?:[^@/:]+@)?([a-z][a-z0-9-]*):(\d+)(?:/|$)", text)
    if not found or found[1] == "localhost":
        return
    host, port = found[1], int(found[2])
    if host not in stack.services:
        problems.append(f"{where}: {text}: there is no service {host}")
    else:
        expect(port in stack.ports(host), f"{where}: {text}: {host} listens on {sorted(stack.ports(host))}")


def check_worker(stack: Stack) -> None:
    worker = stack.services["worker"]
    expect("ports" not in worker, "worker: a host's port keeps it from being scaled")
    path = worker["command"][worker["command"].index("--config") + 1]
    config = yaml.safe_load((stack.file("worker", path) or Path("/dev/null")).read_text()) or {}
    grace = seconds(worker["stop_grace_period"])
    drain = seconds(config.get("drain-timeout", "25s")) + seconds(config.get("cancellation-grace", "5s"))
    expect(grace >= drain + MARGIN, f"worker: stop_grace_period {grace} s is too short for a drain of {drain} s")
    patterns = {}
    for rule in config.get("exec", []):
        pattern, command = rule.split("=", 1)
        patterns[pattern] = command
        program = stack.file("worker", command.split()[0])
        expect(program and program.is_file() and os.access(program, os.X_OK), f"worker: {command} can't be run")
    for kind in ("order", "burst"):
        for job in made_jobs(kind):
            handled = any(job["type"].startswith(pattern.rstrip("*")) for pattern in patterns)
            expect(handled, f"load: nobody handles {job['type']}")
            expect(job["queue"] in config["queues"], f"load: nobody serves queue {job['queue']}")


def made_jobs(kind: str) -> list[dict[str, Any]]:
    command = ["awk", "-v", f"kind={kind}", "-v", "count=300", "-v", "seed=1", "-f", ROOT / "deploy/compose/jobs.awk"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return list({(job["type"], job["queue"]): job for job in map(json.loads, lines)}.values())


def check_prometheus(stack: Stack) -> None:
    config = read("deploy/prometheus/prometheus.yml")
    expect(config.get("scrape_configs"), "prometheus.yml: scrapes nothing")
    for pattern in config.get("rule_files", []):
        expect(any((ROOT / "deploy/prometheus").glob(pattern)), f"prometheus.yml: no file is {pattern}")
    for scrape in config.get("scrape_configs", []):
        for lookup in scrape.get("dns_sd_configs", []):
            for name in lookup["names"]:
                check_address(stack, "prometheus.yml", f"{name.removeprefix('tasks.')}:{lookup['port']}")


def check_grafana(stack: Stack) -> None:
    home = stack.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    file = stack.file("grafana", home)
    expect(file and file.is_file(), f"grafana: its home {home} is mounted from nowhere")
    for provider in read_all("deploy/grafana/provisioning/dashboards", "providers"):
        folder = stack.file("grafana", provider.get("options", {}).get("path", ""))
        expect(folder and any(folder.rglob("*.json")), f"grafana: provider {provider.get('name')}: no dashboards in its path")
    expect(read_all("deploy/grafana/provisioning/datasources", "datasources"), "grafana: no data sources")
    boards = [json.loads(file.read_text()) for file in (ROOT / "deploy/grafana/dashboards").glob("*.json")]
    known = {(board["uid"], one["name"]) for board in boards for one in board["templating"]["list"]}
    for name in ("SPANQ_WEB_TRACE_URL", "SPANQ_WEB_QUEUE_URL"):
        link = re.search(r"/d/([\w-]+)\?var-(\w+)=", stack.services["web"]["environment"][name])
        expect(link and link.groups() in known, f"web: {name} leads to no dashboard, or to a variable that it does not have")


def read_all(folder: str, key: str) -> list[dict[str, Any]]:
    return [item for file in (ROOT / folder).glob("*.y*ml") for item in yaml.safe_load(file.read_text()).get(key, [])]


def check_image(stack: Stack) -> None:
    """What the Dockerfile says of the image holds for what runs it."""
    text = (ROOT / "Dockerfile").read_text()
    user = re.search(r"^USER (\S+)", text, re.MULTILINE)
    listens = re.search(r"SPANQ_LISTEN=\S+:(\d+)", text)
    for name, service in stack.services.items():
        if service["image"].endswith(OWN_TAG):
            expect(user and service["user"] == user[1], f"{name}: its user is not that of the Dockerfile")
    expect(listens and f"EXPOSE {listens[1]}\n" in text, "Dockerfile: EXPOSE is not the port of SPANQ_LISTEN")
    built = {service["image"] for service in stack.services.values() if "build" in service}
    for name, service in stack.services.items():
        expect(not service["image"].endswith(OWN_TAG) or service["image"] in built, f"{name}: nobody builds its image")


def main() -> int:
    stack = Stack()
    for name in stack.services:
        check_container(stack, name)
    mounted = {source for name in stack.services for source, _, _ in stack.mounts(name)}
    expect(stack.volumes <= mounted, f"volumes without use: {sorted(stack.volumes - mounted)}")
    check_worker(stack)
    check_prometheus(stack)
    check_grafana(stack)
    check_image(stack)
    for folder in ("prometheus", "alertmanager", "tempo", "grafana/provisioning"):
        for file in sorted((ROOT / "deploy" / folder).rglob("*.y*ml")):
            if "test" not in file.name:
                for text in strings(yaml.safe_load(file.read_text())):
                    check_address(stack, str(file.relative_to(ROOT)), text)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"docker-compose.yml: {len(stack.services)} services, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
