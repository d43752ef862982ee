"""What the tree promises: sizes, names, no promises left open, nothing that ties it to one machine."""

import re
import subprocess
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = (
    "gateway",
    "data_service",
    "forecast_service",
    "notification_service",
    "monitoring_service",
    "storage_service",
)
MAX_LINES = 500
FEATURE_FILES = {
    "router",
    "consumer",
    "jobs",
    "dependencies",
    "schemas",
    "service",
    "repository",
    "adapters",
    "models",
    "domain",
    "errors",
}
ENTRANCES = {"service", "domain", "errors"}
PLUMBING = {"main", "worker", "app", "settings", "resources", "dependencies", "database", "__init__"}


def tracked(pattern: str = "*") -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def service_folder(package: str) -> Path:
    return ROOT / package.replace("_", "-") / "src" / package


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long


def test_nothing_is_named_utils() -> None:
    vague = re.compile(r"^(utils?|helpers?|common|misc)(\.py)?$")
    assert not [path for path in tracked("*.py") if any(vague.match(part) for part in path.parts)]


def test_no_promise_is_left_open() -> None:
    marks = re.compile(r"#.*\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    own = Path(__file__)
    assert not [path for path in tracked("*.py") if path != own and marks.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("service", SERVICES)
def test_features_use_the_one_vocabulary(service: str) -> None:
    strangers = [
        f"{feature.name}/{entry.name}"
        for feature in service_folder(service).iterdir()
        if feature.is_dir() and feature.name != "__pycache__"
        for entry in feature.iterdir()
        if entry.suffix in {".py", ""}
        and entry.stem not in FEATURE_FILES | {"__init__", "__pycache__", "__main__"}
        and not (entry.is_dir() and not list(entry.glob("*.py")))
    ]
    assert not strangers


@pytest.mark.parametrize("service", SERVICES)
def test_a_feature_is_entered_through_its_service_domain_or_errors(service: str) -> None:
    graph = grimp.build_graph(service, cache_dir=None)
    features = {
        module.removeprefix(f"{service}.")
        for module in graph.find_children(service)
        if module.removeprefix(f"{service}.") not in PLUMBING
    }
    wrong = [
        f"{importer} -> {imported}"
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if (source := importer.split(".")[1:2]) and source[0] in features
        if (target := imported.split(".")[1:3]) and target[0] in features and target[0] != source[0]
        if not _is_entrance(importer.split(".")[2:3], target[1:2])
    ]
    assert not wrong


def _is_entrance(from_file: list[str], to_file: list[str]) -> bool:
    """Composition may use another feature's composition; everybody else uses its service, domain or errors."""
    composes = bool({"router", "dependencies"} & set(from_file)) and to_file == ["dependencies"]
    return composes or bool(ENTRANCES & set(to_file))


def test_no_package_index_is_named() -> None:
    hosts = re.compile(rb"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|deb\.debian\.org")
    own = Path(__file__)
    assert not [path for path in tracked() if path != own and hosts.search(path.read_bytes())]


def test_lock_files_name_no_address() -> None:
    locks = [path for path in tracked() if path.name == "requirements.lock"]
    assert len(locks) == 7
    assert not [path for path in locks if re.search(r"https?://", path.read_text(encoding="utf-8"))]


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    missing = [path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md") if path.name not in index]
    assert not missing


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in tracked("*.md")
        for target in re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    rules = (ROOT / "monitoring-service/prometheus/rules/alerts.yml").read_text(encoding="utf-8")
    alerts = set(re.findall(r"^\s*- alert: (\w+)", rules, re.MULTILINE))
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert alerts == pages
