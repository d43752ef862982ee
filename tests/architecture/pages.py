"""Writes what is generated from the code: the pages of settings and metrics, and the list of problem codes. `make contracts` runs it.

python tests/architecture/pages.py            # write
python tests/architecture/pages.py --check    # exit 1 and name the stale ones
"""

import ast
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY
from pydantic_core import PydanticUndefined

from shared.errors import ServiceError
from shared.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "gateway": "GATEWAY_",
    "data_service": "DATA_",
    "forecast_service": "FORECAST_",
    "notification_service": "NOTIFICATION_",
    "monitoring_service": "MONITORING_",
    "storage_service": "STORAGE_",
}
_PROCESS_METRICS = ("python_", "process_")
_NOT_IMPORTED = {"main", "worker", "__main__"}


def configuration_page() -> str:
    lines = [
        "# Configuration",
        "",
        "Generated from the code by `make contracts`; do not edit. Values come from the environment, or from files in",
        "`/run/secrets` named like the variable in lower case. Units are in the names.",
        "",
        "## Every service",
        "",
        "Each name takes the service's prefix: `DATA_LOG_LEVEL`, `GATEWAY_LOG_LEVEL`, …",
        "",
        *_table("", ServiceSettings, own_only=False),
    ]
    for package, prefix in PACKAGES.items():
        settings = importlib.import_module(f"{package}.settings").Settings
        rows = _table(prefix, settings, own_only=True)
        lines += ["", f"## {package.replace('_', '-')}", "", *(rows if len(rows) > 2 else ["Nothing of its own."])]
    return "\n".join(lines) + "\n"


def _table(prefix: str, settings: type[ServiceSettings], *, own_only: bool) -> list[str]:
    rows = ["| variable | default | what |", "|---|---|---|"]
    common = ServiceSettings.model_fields
    for name, field in settings.model_fields.items():
        if own_only and name in common and field.default == common[name].default:
            continue
        default = "**required**" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        rows.append(f"| `{prefix}{name.upper()}` | {default} | {field.description or ''} |")
    return rows


def _shown(value: object) -> str:
    text = "" if value is None or value is PydanticUndefined else str(value)
    return f"`{text}`" if text and text != "**********" else "–"


def import_everything() -> None:
    for package in [*PACKAGES, "shared"]:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            if found.name.rpartition(".")[2] not in _NOT_IMPORTED and not found.name.startswith("shared.testing"):
                importlib.import_module(found.name)


def metrics_page() -> str:
    import_everything()
    rows = []
    for collector in set(REGISTRY._collector_to_names):
        labels = getattr(collector, "_labelnames", ())
        for family in collector.describe() if hasattr(collector, "describe") else []:
            name = f"{family.name}_total" if family.type == "counter" else family.name
            rows.append(f"| `{name}` | {family.type} | {', '.join(labels) or '–'} | {family.documentation} |")
    own = sorted(row for row in rows if not row.removeprefix("| `").startswith(_PROCESS_METRICS))
    head = [
        "# Metrics",
        "",
        "Generated from the code by `make contracts`; do not edit. Every process serves them at `/metrics`, workers at their",
        "metrics port, beside the Python runtime's own `python_*` and `process_*`. Labels take bounded values only.",
        "",
        "| metric | type | labels | what |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *own]) + "\n"


def problem_catalogue() -> str:
    """Every code a caller can meet, from the error classes and from what the framework's handlers write."""
    import_everything()
    kinds: dict[str, dict[str, Any]] = {}
    waiting: list[type[ServiceError]] = [ServiceError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        package = error.__module__.partition(".")[0]
        if package in {*PACKAGES, "shared"}:
            _note(kinds, error.code, error.status, error.title, package)
    for code, status, title in _framework_problems():
        _note(kinds, code, status, title, "shared")
    for code, status, title in _nginx_problems():
        if code not in kinds or "nginx" in kinds[code]["services"]:
            _note(kinds, code, status, title, "nginx")
    every = sorted(package.replace("_", "-") for package in PACKAGES)
    for kind in kinds.values():
        named = sorted(package.replace("_", "-") for package in kind["services"])
        kind["services"] = every if "shared" in named else named
    return json.dumps([kinds[code] for code in sorted(kinds)], indent=1, ensure_ascii=False) + "\n"


def _note(kinds: dict[str, dict[str, Any]], code: str, status: int, title: str, package: str) -> None:
    """The title of the lowest class in the alphabet of packages, whichever is imported first."""
    kind = kinds.setdefault(code, {"code": code, "status": status, "title": title, "services": set()})
    kind["title"] = min(kind["title"], title)
    kind["status"] = min(kind["status"], status)
    kind["services"].add(package)


def _framework_problems() -> Iterator[tuple[Any, Any, Any]]:
    """Calls of `problem_document` that name their code."""
    source = (ROOT / "shared/src/shared/web/problems.py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "problem_document":
            given = {word.arg: word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)}
            if {"code", "status", "title"} <= given.keys():
                yield given["code"], given["status"], given["title"]


def _nginx_problems() -> Iterator[tuple[str, int, str]]:
    """What the server in front refuses by itself."""
    template = (ROOT / "nginx/templates/gateway.conf.template").read_text(encoding="utf-8")
    for title, status, code in re.findall(r'"title":"([^"]+)","status":(\d+),.*?"code":"([a-z_]+)"', template):
        yield code, int(status), title


PAGES = {
    "docs/configuration.md": configuration_page,
    "docs/architecture/metrics.md": metrics_page,
    "gateway/src/gateway/documentation/problems/catalogue.json": problem_catalogue,
}


def main() -> None:
    stale = []
    for path, render in PAGES.items():
        target, text = ROOT / path, render()
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            stale.append(path)
            if "--check" not in sys.argv:
                target.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        raise SystemExit(f"Stale, run `make contracts`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
