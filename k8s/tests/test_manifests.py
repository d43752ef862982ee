"""Schemas and policies of the rendered manifests; each policy is shown to notice its violation."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Manifest = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "Job")
KUBERNETES_VERSION = "1.32"
SERVICES = ("data-service", "forecast-service", "notification-service", "monitoring-service", "storage-service")
# Named in k8s/README.md: the operator makes them.
EXPECTED_SECRETS = {"bootstrap", "gateway", "gateway-signing-key", "storage-backup-key", *SERVICES}


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pod(workload: Manifest) -> Manifest:
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def pod_violations(spec: Manifest) -> Iterator[str]:
    security = spec.get("securityContext", {})
    if not security.get("runAsNonRoot"):
        yield "may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "mounts a token of the API"
    if spec.get("hostNetwork") or spec.get("hostPID") or any("hostPath" in v for v in spec.get("volumes", [])):
        yield "reaches into the node"


def container_violations(container: Manifest) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "may gain privileges"
    if security.get("capabilities", {}).get("drop") != ["ALL"] or security["capabilities"].get("add"):
        yield "keeps capabilities"
    if not security.get("readOnlyRootFilesystem"):
        yield "may write to its image"
    resources = container.get("resources", {})
    if "memory" not in resources.get("limits", {}) or not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        yield "has no memory limit or no requests"


def probe_violations(workload: Manifest) -> Iterator[str]:
    for container in pod(workload)["containers"]:
        if not {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys():
            yield "lacks a probe"
        elif "ready" in container["livenessProbe"].get("httpGet", {}).get("path", ""):
            yield "liveness asks for dependencies"


def violations(workload: Manifest) -> list[str]:
    spec = pod(workload)
    found = [*pod_violations(spec)]
    for container in spec["containers"]:
        found += container_violations(container)
    if workload["kind"] != "Job":
        found += probe_violations(workload)
        if spec.get("terminationGracePeriodSeconds", 30) < 40:
            found.append("stops before its requests are finished")
    return found


def test_every_manifest_fits_the_schema_of_its_kind(manifests: list[Manifest]) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for manifest in manifests:
        validator.validate(manifest, KUBERNETES_VERSION, strict=True)


def test_the_schema_check_would_notice_a_misspelt_field(local: list[Manifest]) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    broken = copy.deepcopy(of_kind(local, "Deployment")[0])
    broken["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(validator.ValidationError):
        validator.validate(broken, KUBERNETES_VERSION, strict=True)


def test_every_pod_keeps_the_restricted_policy(manifests: list[Manifest]) -> None:
    workloads = of_kind(manifests, *WORKLOADS)
    assert len(workloads) >= 19
    assert {w["metadata"]["name"]: found for w in workloads if (found := violations(w))} == {}


def _without(*path: str | int) -> Callable[[Manifest], None]:
    def remove(spec: Manifest) -> None:
        for step in path[:-1]:
            spec = spec[step]  # type: ignore[index]
        del spec[path[-1]]  # type: ignore[arg-type]

    return remove


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_without("securityContext", "runAsNonRoot"), "may run as root"),
        (_without("securityContext", "seccompProfile"), "no seccomp profile"),
        (_without("automountServiceAccountToken"), "mounts a token of the API"),
        (lambda spec: spec.update(hostNetwork=True), "reaches into the node"),
        (_without("containers", 0, "securityContext", "allowPrivilegeEscalation"), "may gain privileges"),
        (_without("containers", 0, "securityContext", "capabilities"), "keeps capabilities"),
        (_without("containers", 0, "securityContext", "readOnlyRootFilesystem"), "may write to its image"),
        (_without("containers", 0, "resources", "limits"), "has no memory limit or no requests"),
        (_without("containers", 0, "livenessProbe"), "lacks a probe"),
        (
            lambda spec: spec["containers"][0]["livenessProbe"].update(httpGet={"path": "/health/ready"}),
            "liveness asks for dependencies",
        ),
        (_without("terminationGracePeriodSeconds"), "stops before its requests are finished"),
    ],
)
def test_each_violation_would_be_noticed(
    production: list[Manifest], change: Callable[[Manifest], None], complaint: str
) -> None:
    workload = copy.deepcopy(
        next(w for w in of_kind(production, "Deployment") if w["metadata"]["name"] == "data-service")
    )
    change(pod(workload))
    assert violations(workload) == [complaint]


def test_the_namespace_enforces_the_restricted_policy(manifests: list[Manifest]) -> None:
    [namespace] = of_kind(manifests, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {m["metadata"].get("namespace", "procurement") for m in manifests} == {"procurement"}


def test_in_production_every_door_has_two_replicas_and_survives_a_drain(production: list[Manifest]) -> None:
    scaled = {h["spec"]["scaleTargetRef"]["name"]: h["spec"] for h in of_kind(production, "HorizontalPodAutoscaler")}
    guarded = {budget["metadata"]["name"] for budget in of_kind(production, "PodDisruptionBudget")}
    deployments = {d["metadata"]["name"] for d in of_kind(production, "Deployment")}
    assert set(scaled) == deployments
    for name in ("nginx", "gateway", *SERVICES):
        assert scaled[name]["minReplicas"] >= 2
        assert name in guarded


def test_every_selector_finds_exactly_its_own_pods(manifests: list[Manifest]) -> None:
    workloads = of_kind(manifests, "Deployment", "StatefulSet")
    labels = {w["metadata"]["name"]: w["spec"]["template"]["metadata"]["labels"] for w in workloads}
    for selecting in [*workloads, *of_kind(manifests, "PodDisruptionBudget", "Service")]:
        selector = selecting["spec"]["selector"].get("matchLabels", selecting["spec"]["selector"])
        found = [name for name, pod_labels in labels.items() if selector.items() <= pod_labels.items()]
        assert found == [selecting["metadata"]["name"]], selecting["kind"]


def references(workload: Manifest) -> Iterator[tuple[str, str]]:
    spec = pod(workload)
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if key in source:
                    yield kind, source[key]["name"]
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume and not volume["secret"].get("optional"):
            yield "Secret", volume["secret"]["secretName"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
    yield "ServiceAccount", spec.get("serviceAccountName", "default")


def missing_references(manifests: list[Manifest]) -> set[tuple[str, str]]:
    present = {(m["kind"], m["metadata"]["name"]) for m in manifests} | {("ServiceAccount", "default")}
    return {r for workload in of_kind(manifests, *WORKLOADS) for r in references(workload)} - present


def test_local_needs_nothing_from_elsewhere_and_production_only_the_named_secrets(
    local: list[Manifest], production: list[Manifest]
) -> None:
    assert missing_references(local) == set()
    assert missing_references(production) == {("Secret", name) for name in EXPECTED_SECRETS}
    assert of_kind(production, "Secret") == []


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", []))


def permits(rules: list[Manifest], word: str, labels: dict[str, str], port: int) -> bool:
    return any(
        any(
            "podSelector" in p and "namespaceSelector" not in p and matches(p["podSelector"], labels)
            for p in rule[word]
        )
        and any(p["port"] == port for p in rule["ports"])
        for rule in rules
    )


def allowed(manifests: list[Manifest], source: dict[str, str], target: dict[str, str], port: int) -> bool:
    """As the cluster decides for two pods of this namespace: some policy of each side must permit it."""
    policies = [policy["spec"] for policy in of_kind(manifests, "NetworkPolicy")]
    leaves = any(
        permits(p.get("egress", []), "to", target, port) for p in policies if matches(p["podSelector"], source)
    )
    enters = any(
        permits(p.get("ingress", []), "from", source, port) for p in policies if matches(p["podSelector"], target)
    )
    return leaves and enters


def labels_of(manifests: list[Manifest], name: str) -> dict[str, str]:
    [workload] = [w for w in of_kind(manifests, *WORKLOADS) if w["metadata"]["name"] == name]
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


OPEN = [
    ("nginx", "gateway", 8080),
    *[("gateway", service, 8000) for service in SERVICES],
    ("data-service", "gateway", 8080),
    ("forecast-worker", "gateway", 8080),
    ("gateway", "postgres", 5432),
    ("gateway", "redis", 6379),
    ("gateway", "rabbitmq", 5672),
    ("storage-worker", "postgres", 5432),
    ("data-migrate", "postgres", 5432),
    ("gateway-migrate", "postgres", 5432),
    ("bootstrap", "postgres", 5432),
    ("notification-worker", "rabbitmq", 5672),
    ("monitoring-worker", "forecast-service", 8000),
    ("monitoring-service", "gateway", 8080),
]
CLOSED = [
    ("nginx", "data-service", 8000),
    ("nginx", "postgres", 5432),
    ("data-service", "forecast-service", 8000),
    ("forecast-worker", "data-service", 8000),
    ("gateway", "data-worker", 9100),
    ("data-service", "postgres", 22),
    ("data-migrate", "redis", 6379),
    ("data-migrate", "gateway", 8080),
    ("bootstrap", "gateway", 8080),
    ("postgres", "gateway", 8080),
    ("redis", "postgres", 5432),
    ("storage-service", "notification-service", 8000),
]


def test_traffic_flows_along_the_drawn_edges_only(local: list[Manifest]) -> None:
    for source, target, port in OPEN:
        assert allowed(local, labels_of(local, source), labels_of(local, target), port), (source, target)
    for source, target, port in CLOSED:
        assert not allowed(local, labels_of(local, source), labels_of(local, target), port), (source, target)


def test_whatever_is_not_permitted_is_denied(manifests: list[Manifest]) -> None:
    [deny] = [p["spec"] for p in of_kind(manifests, "NetworkPolicy") if p["metadata"]["name"] == "default-deny"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
