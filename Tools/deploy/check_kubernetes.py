#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Checks the objects of `kubectl kustomize deploy/kubernetes`, which it reads from standard input: each against the schema of its
kind, without a field that the schema does not know, and then what no schema knows, that they fit each other.

usage: kubectl kustomize deploy/kubernetes | check_kubernetes.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from check_compose import MARGIN, seconds
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

# The oldest release that kubernetes-validate knows.
KUBERNETES = "1.33"
CUSTOM = {"PrometheusRule": PrometheusRule, "ServiceMonitor": ServiceMonitor, "ScaledObject": ScaledObject}

problems: list[str] = []


def expect(condition: object, problem: str) -> None:
    if not condition:
        problems.append(problem)


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """The fields of an object that a model of it did not keep: such that its schema has not, often misspelt."""
    if isinstance(given, dict) and isinstance(kept, dict):
        missing = [f"{path}.{key}" for key in given if key not in kept]
        return missing + [name for key in given if key in kept for name in lost(given[key], kept[key], f"{path}.{key}")]
    if isinstance(given, list) and isinstance(kept, list):
        return [name for index, pair in enumerate(zip(given, kept)) for name in lost(*pair, f"{path}[{index}]")]
    return []


def check_schema(item: dict[str, Any]) -> None:
    name = f"{item['kind']}/{item['metadata']['name']}"
    try:
        if model := CUSTOM.get(item["kind"]):
            kept = model.model_validate(item).model_dump(mode="json", by_alias=True, exclude_unset=True)
            problems.extend(f"{name}: {field} is not a field of it" for field in lost(item, kept))
        else:
            kubernetes_validate.validate(item, KUBERNETES, strict=True)
    except (kubernetes_validate.ValidationError, ValueError) as error:
        problems.append(f"{name}: {error}")


class Objects:
    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.items if item["kind"] == kind]

    def pods(self) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Name, labels and spec of the pods of each Deployment."""
        return [
            (item["metadata"]["name"], item["spec"]["template"]["metadata"]["labels"], item["spec"]["template"]["spec"])
            for item in self.of("Deployment")
        ]


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def check_pods(objects: Objects) -> None:
    configs = {item["metadata"]["name"]: item["data"] for item in objects.of("ConfigMap")}
    for name, _, spec in objects.pods():
        expect(spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0, f"{name}: may be root")
        expect(spec["enableServiceLinks"] is False, f"{name}: gets SPANQ_… variables of services")
        for container in spec["containers"]:
            context = container["securityContext"]
            locked = context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
            expect(locked and context["capabilities"]["drop"] == ["ALL"], f"{name}: is not locked down")
            expect(":" in container["image"] and not container["image"].endswith(":latest"), f"{name}: image is not pinned")
            expect("livenessProbe" in container and "readinessProbe" in container, f"{name}: has no probes")
            expect("limits" in container["resources"], f"{name}: has no limits")
        for volume in spec.get("volumes", []):
            if "configMap" in volume:
                data = configs.get(volume["configMap"]["name"], {})
                expect("worker.yaml" in data, f"{name}: there is no ConfigMap {volume['configMap']['name']}")
                check_drain(name, spec, yaml.safe_load(data.get("worker.yaml", "{}")))


def check_images(objects: Objects) -> None:
    """The server runs spanq's own image, whatever the workers run: their names differ, so that an overlay can tell them apart."""
    images = {name: [part["image"].rpartition(":")[0] for part in spec["containers"]] for name, _, spec in objects.pods()}
    server, worker = images.get("spanq-server", []), images.get("spanq-worker", [])
    expect(len(server) == 1 and server[0].endswith("/spanqueue"), f"spanq-server: does not run the image of spanq: {server}")
    expect(bool(worker) and not set(worker) & set(server), f"spanq-worker: has the server's image name: {worker}")


def check_drain(name: str, spec: dict[str, Any], config: dict[str, Any]) -> None:
    drain = seconds(config.get("drain-timeout", "25s")) + seconds(config.get("cancellation-grace", "5s"))
    grace = spec["terminationGracePeriodSeconds"]
    expect(grace >= drain + MARGIN, f"{name}: terminationGracePeriodSeconds {grace} is too short for a drain of {drain} s")


def check_selectors(objects: Objects) -> None:
    labels = [labels for _, labels, _ in objects.pods()]
    ports = {port["name"] for _, _, spec in objects.pods() for part in spec["containers"] for port in part["ports"]}
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for item in objects.of(kind):
            spec, name = item["spec"], f"{kind}/{item['metadata']['name']}"
            selector = spec["selector"] if kind == "Service" else spec.get("selector", spec.get("podSelector"))["matchLabels"]
            expect(any(selects(selector, each) for each in labels), f"{name}: selects no pod")
            if kind == "Service":
                expect(all(port["targetPort"] in ports for port in spec["ports"]), f"{name}: no pod has its port")
    for monitor in objects.of("ServiceMonitor"):
        found = [s for s in objects.of("Service") if selects(monitor["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
        expect(len(found) == len(labels), "ServiceMonitor: does not find each service")
        for service in found:
            expect(service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "spanq", "ServiceMonitor: job is not spanq")
            named = {port["name"] for port in service["spec"]["ports"]}
            expect({end["port"] for end in monitor["spec"]["endpoints"]} <= named, "ServiceMonitor: scrapes no port")


def check_scaling(objects: Objects) -> None:
    deployments = {item["metadata"]["name"]: item["spec"] for item in objects.of("Deployment")}
    for item in objects.of("ScaledObject"):
        target = deployments.get(item["spec"]["scaleTargetRef"]["name"])
        expect(target is not None, "ScaledObject: scales what is not there")
        expect(target and "replicas" not in target, "ScaledObject: an apply would set the replicas back")
        expect(item["spec"]["minReplicaCount"] > 0, "ScaledObject: without a worker nobody promotes and reclaims")
        queries = [trigger["metadata"]["query"] for trigger in item["spec"]["triggers"]]
        for query in queries:
            expect(query.count("max by (queue) (spanq_") == query.count("spanq_"), f"ScaledObject: not max by queue: {query}")
        check_queries(queries)


def check_queries(queries: list[str]) -> None:
    """Has promtool parse them, as rules."""
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
        result = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
        expect(result.returncode == 0, f"ScaledObject: {result.stderr}{result.stdout}")


def main() -> int:
    objects = Objects([item for item in yaml.safe_load_all(sys.stdin) if item])
    expect(objects.items, "there are no objects: was kubectl kustomize run?")
    for item in objects.items:
        check_schema(item)
    if not problems:  # else fields may be missing that are looked at
        check_pods(objects)
        check_images(objects)
        check_selectors(objects)
        check_scaling(objects)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{sys.argv[1]}: {len(objects.items)} objects, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
