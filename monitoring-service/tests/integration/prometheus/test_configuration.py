"""The files of prometheus/ and alertmanager/, checked by the real tools."""

import importlib
import json
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import gateway
import monitoring_service
import shared

SERVICE = Path(__file__).resolve().parents[3]
PROMETHEUS, ALERTMANAGER = SERVICE / "prometheus", SERVICE / "alertmanager"
PROMTOOL, AMTOOL = shutil.which("promtool"), shutil.which("amtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian package prometheus)")
needs_amtool = pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not installed (Debian package prometheus-alertmanager)"
)
NOT_OURS = {"up"}
SUFFIXES = ("_count", "_sum", "_bucket", "_total")


def run(*command: str | Path | None) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted(PROMETHEUS.glob("rules/*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


@needs_promtool
def test_the_configuration_and_its_rules_are_valid() -> None:
    run(PROMTOOL, "check", "config", PROMETHEUS / "prometheus.yml")
    run(PROMTOOL, "check", "rules", *PROMETHEUS.glob("rules/*.yml"))


@needs_promtool
def test_the_rules_fire_when_they_should_and_only_then() -> None:
    run(PROMTOOL, "test", "rules", *PROMETHEUS.glob("tests/*.yml"))


@needs_promtool
def test_the_rule_tests_would_notice_another_threshold(tmp_path: Path) -> None:
    copy = shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    path = copy / "rules/alerts.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("> 300", "> 3000"), encoding="utf-8")
    with pytest.raises(AssertionError, match="OutboxStuck"):
        run(PROMTOOL, "test", "rules", copy / "tests/alerts.test.yml")


@needs_amtool
def test_alertmanager_sends_everything_to_monitoring_service() -> None:
    run(AMTOOL, "check-config", ALERTMANAGER / "alertmanager.yml")
    done = subprocess.run(
        [str(AMTOOL), "config", "routes", "test", f"--config.file={ALERTMANAGER}/alertmanager.yml", "severity=warning"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "monitoring-service"


def test_every_alert_is_tested_and_says_what_to_do() -> None:
    tests = (PROMETHEUS / "tests/alerts.test.yml").read_text(encoding="utf-8")
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len(alerts) == 13
    for rule in alerts:
        assert f"alertname: {rule['alert']}\n" in tests, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert {"summary", "description"} <= rule["annotations"].keys()
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{rule['alert']}.md"
        assert (SERVICE.parent / rule["annotations"]["runbook"]).is_file()


def test_every_metric_in_a_rule_exists_in_the_code() -> None:
    for package in (gateway, monitoring_service, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith((".main", ".__main__", ".worker")) and ".testing" not in module.name:
                importlib.import_module(module.name)
    exported = {name for names in REGISTRY._collector_to_names.values() for name in names}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {
        name
        for rule in rules()
        for name in re.findall(r"\b([a-z][a-z_0-9]*(?::[a-z_0-9:]+|_[a-z_0-9]+))\b(?=[{\[\s)]|$)", rule["expr"])
    }
    used -= {"histogram_quantile", "avg_over_time"}
    assert len(used) > 8
    missing = {
        name
        for name in used - NOT_OURS - recorded - exported
        if not any(name.removesuffix(suffix) in exported for suffix in SUFFIXES)
    }
    assert not missing


def test_every_service_and_worker_is_scraped() -> None:
    targets = json.loads((PROMETHEUS / "targets/services.json").read_text(encoding="utf-8"))
    seen = {(entry["labels"]["service"], entry["labels"]["component"]) for entry in targets}
    workers = ("data", "forecast", "notification", "monitoring", "storage")
    assert seen == {("gateway", "api")} | {(owner, component) for owner in workers for component in ("api", "worker")}
