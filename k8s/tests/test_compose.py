"""docker-compose.yml: who reaches whom, and that it says the same as the manifests, the settings and .env.example."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.compose_environment import environment

REPOSITORY = Path(__file__).resolve().parents[2]
Manifest = dict[str, Any]
OWNERS = ("gateway", "data", "forecast", "notification", "monitoring", "storage")
WORKERS = OWNERS[1:]
SERVERS = {"nginx", "postgres", "redis", "rabbitmq", "prometheus", "alertmanager"}
# The local overlay lives without a stable key, public address and bot.
LOCAL_DIFFERENCES = {
    "GATEWAY_SIGNING_KEY_FILE",
    # Mail and the company's identity provider: in a cluster a deployment adds what it uses.
    "GATEWAY_ACCOUNT_URL",
    "GATEWAY_MAIL_FROM",
    "GATEWAY_OIDC_CLIENT_ID",
    "GATEWAY_OIDC_CLIENT_SECRET",
    "GATEWAY_OIDC_ISSUER",
    "GATEWAY_OIDC_REDIRECT_URL",
    "GATEWAY_OIDC_ROLES",
    "GATEWAY_SMTP_URL",
    "NOTIFICATION_PUBLIC_URL",
    "NOTIFICATION_TELEGRAM_TOKEN",
    "NOTIFICATION_TELEGRAM_API_BASE_URL",
}


def service_name(owner: str) -> str:
    return owner if owner == "gateway" else f"{owner}-service"


def package(owner: str) -> str:
    return service_name(owner).replace("-", "_")


def test_it_has_every_service_worker_migration_and_server(compose: Manifest) -> None:
    expected = SERVERS | {"bootstrap"}
    expected |= {service_name(o) for o in OWNERS} | {f"{o}-migrate" for o in OWNERS} | {f"{o}-worker" for o in WORKERS}
    assert set(compose["services"]) == expected


def test_only_nginx_is_published_to_everybody(compose: Manifest) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(published) == {"nginx", "prometheus", "alertmanager"}
    for name in ("prometheus", "alertmanager"):
        assert all(port.startswith("127.0.0.1:") for port in published[name])


def test_networks_keep_the_servers_away_from_the_door(compose: Manifest) -> None:
    networks = {name: set(service["networks"]) for name, service in compose["services"].items()}
    assert networks["nginx"] == {"edge"}
    assert {name for name, on in networks.items() if "edge" in on} == {"nginx", "gateway"}
    for server in ("postgres", "redis", "rabbitmq"):
        assert networks[server] == {"stores"}
    assert compose["networks"]["stores"] == {"internal": True}


def test_our_own_processes_run_without_privileges(compose: Manifest) -> None:
    for name, service in compose["services"].items():
        if service["image"].startswith("procurement/"):
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert service["read_only"] or "secrets" in service, name


def test_everything_that_runs_on_is_checked_and_limited(compose: Manifest) -> None:
    for name, service in compose["services"].items():
        if service["restart"] == "no":
            continue
        assert service["healthcheck"]["test"], name
        assert service["deploy"]["resources"]["limits"]["memory"], name


def test_nothing_starts_before_its_schema_is_there(compose: Manifest) -> None:
    for owner in OWNERS:
        names = [service_name(owner)] + ([f"{owner}-worker"] if owner in WORKERS else [])
        for name in names:
            condition = compose["services"][name]["depends_on"][f"{owner}-migrate"]
            assert condition == {"condition": "service_completed_successfully"}
        assert "bootstrap" in compose["services"][f"{owner}-migrate"]["depends_on"]


def settings_of(compose: Manifest, service: str) -> dict[str, Any]:
    given: dict[str, Any] = compose["services"][service]["environment"]
    return given


@pytest.mark.parametrize("owner", OWNERS)
def test_every_variable_is_a_setting_of_its_service(compose: Manifest, owner: str) -> None:
    known = importlib.import_module(f"{package(owner)}.settings").Settings.model_fields
    for variable in settings_of(compose, service_name(owner)):
        prefix, _, name = variable.partition("_")
        assert prefix == owner.upper(), variable
        assert name.lower().partition("__")[0] in known, variable


@pytest.mark.parametrize("owner", OWNERS)
def test_compose_and_the_cluster_set_the_same_settings(compose: Manifest, local: list[Manifest], owner: str) -> None:
    in_cluster: set[str] = set()
    for manifest in local:
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"].startswith(f"{owner}-configuration"):
            in_cluster |= manifest["data"].keys()
        if manifest["kind"] == "Secret" and manifest["metadata"]["name"] == service_name(owner):
            in_cluster |= manifest["data"].keys()
    assert set(settings_of(compose, service_name(owner))) ^ in_cluster <= LOCAL_DIFFERENCES


def test_compose_and_the_cluster_run_the_same_images_and_commands(compose: Manifest, local: list[Manifest]) -> None:
    containers = {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]["containers"][0]
        for manifest in local
        if manifest["kind"] in {"Deployment", "StatefulSet", "Job"}
    }
    for name, container in containers.items():
        in_compose = compose["services"][name]
        image = re.sub(r"\$\{VERSION:-([^}]*)\}", r"\1", in_compose["image"])
        assert container["image"] == (image if ":" in image else f"{image}:latest"), name
        if image.startswith("procurement/"):
            assert container.get("command") == in_compose.get("command"), name
    assert set(compose["services"]) - set(containers) == {"prometheus", "alertmanager"}


def test_compose_and_the_cluster_use_the_same_ports(compose: Manifest, local: list[Manifest]) -> None:
    ports = {
        manifest["metadata"]["name"]: manifest["spec"]["ports"][0]["port"]
        for manifest in local
        if manifest["kind"] == "Service"
    }
    for owner in OWNERS:
        name = service_name(owner)
        health = " ".join(compose["services"][name]["healthcheck"]["test"])
        assert f"127.0.0.1:{ports[name]}/health/ready" in health
    assert ports["nginx"] == 8080
    for server, port in {"postgres": 5432, "redis": 6379, "rabbitmq": 5672}.items():
        assert ports[server] == port
    scraped = json.loads(
        (REPOSITORY / "monitoring-service/prometheus/targets/services.json").read_text(encoding="utf-8")
    )
    addresses = {target for entry in scraped for target in entry["targets"]}
    assert addresses == {f"{service_name(o)}:{ports[service_name(o)]}" for o in OWNERS} | {
        f"{o}-worker:9100" for o in WORKERS
    }


def test_brokers_in_compose_and_cluster_give_the_same_permissions(compose: Manifest) -> None:
    text = compose["configs"]["rabbitmq_definitions"]["content"]
    text = re.sub(r"\$\{[A-Z_]+[^}]*\}", "local-only", text).replace("$$", "$")
    in_cluster = (REPOSITORY / "k8s/overlays/local/stores/definitions.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(in_cluster)


def names_in(text: str, *, commented: bool) -> set[str]:
    marks = r"^(?:# )?" if commented else "^"
    return set(re.findall(marks + r"([A-Z][A-Z_]+)=", text, flags=re.MULTILINE))


def test_the_example_and_the_generator_name_every_variable_of_the_compose_file() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    required = set(re.findall(r"\$\{([A-Z_]+):\?", text)) | {
        secret["environment"] for secret in yaml.safe_load(text)["secrets"].values()
    }
    optional = set(re.findall(r"\$\{([A-Z_]+):-", text)) | {
        "NOTIFICATION_TELEGRAM_TOKEN",
        "NOTIFICATION_TELEGRAM_API_BASE_URL",
    }
    generated = names_in(environment(), commented=False)
    assert required <= generated
    assert generated <= required | optional
    assert names_in(example, commented=False) == generated
    assert names_in(example, commented=True) == required | optional


@pytest.mark.parametrize("owner", OWNERS)
def test_dockerfiles_follow_the_one_pattern(owner: str) -> None:
    text = (REPOSITORY / service_name(owner) / "Dockerfile").read_text(encoding="utf-8")
    assert text.count("FROM python:3.11-slim") == 2
    for line in (
        "--require-hashes",
        "--no-build-isolation",
        "USER 10001:10001",
        f"{owner.upper()}_HOST=0.0.0.0",
        "HEALTHCHECK",
        f'CMD ["python", "-m", "{package(owner)}.main"]',
    ):
        assert line in text, line
    assert "# syntax=" not in text
