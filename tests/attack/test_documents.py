"""Schemathesis over the merged OpenAPI of the running platform, with and without a login: no failure of ours.

`SCHEMATHESIS_SECONDS` and `SCHEMATHESIS_EXAMPLES` (of each operation) let it look for longer.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from rich.console import Console
from tests.attack.routes import ROUTES_FILE

from local.display import Display
from local.infrastructure.ports import free_port
from local.one_machine import PlatformOptions, running_platform

SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "45"))
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
_STATUS = re.compile(r'"status_code": ?(\d{3})')
# They would end the session the attack uses, or keep the machine busy with copies of the database.
LEFT_OUT = r"auth/(logout|password)|/users/\{|storage/backups$|/restorations$"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of the whole platform without limits worth mentioning, and its administrator's token."""
    folder = tmp_path_factory.mktemp("documents")
    document = yaml.safe_load(ROUTES_FILE.read_text(encoding="utf-8"))
    for rate in document["rates"].values():
        rate.update(dict.fromkeys(("anonymous", "user", "api_key", "service"), "1000000/60"))
    document["address_rate"] = document["failure_rate"] = "1000000/60"
    routes = folder / "routes.yaml"
    routes.write_text(yaml.safe_dump(document, explicit_end=True))
    environment = {**os.environ, "GATEWAY_ROUTES_FILE": str(routes)}
    options = PlatformOptions(state=folder / "state", port=free_port())
    with running_platform(options, environment, Display(Console(stderr=True))) as running:
        email, password = running.administrator
        body = {"email": email, "password": password}
        answer = httpx.post(f"{running.url}/api/v1/auth/login", json=body, trust_env=False).raise_for_status()
        yield running.url, answer.json()["access_token"]


def run_schemathesis(url: str, described: bytes, folder: Path, token: str | None) -> tuple[str, Counter[int]]:
    """What failed, with how to repeat it, empty when nothing did; and how often each status came."""
    report, document = folder / "report.ndjson", folder / "openapi.json"
    document.write_bytes(described)
    headers = []
    if token is not None:  # else it makes up credentials of its own for most requests
        headers = ["-H", f"Authorization: Bearer {token}", "--generation-with-security-parameters", "false"]
    # Version 4.32 falls over its own guess at how to sign up.
    (folder / "schemathesis.toml").write_text("[auth]\nauto-signup = false\n", encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", str(document), "--url", url,
        "--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES),
        "--max-time", str(SECONDS), "--request-timeout", "20", "--workers", "1", "--continue-on-failure", "--no-shrink",
        "--generation-deterministic", "--warnings", "off", "--no-color",
        "--suppress-health-check", "all", "--report-ndjson-path", str(report), "--output-sanitize", "false",
        "--exclude-path-regex", LEFT_OUT, *headers,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS + 100, check=False)
    (folder / "output.txt").write_text(done.stdout + done.stderr)
    assert done.returncode in {0, 1}, done.stdout[-3000:] + done.stderr[-3000:]
    statuses = Counter(int(status) for status in _STATUS.findall(report.read_text(encoding="utf-8")))
    return ("" if done.returncode == 0 else done.stdout[-12_000:]), statuses


@pytest.mark.timeout(400)
@pytest.mark.parametrize("login", [True, False], ids=["with a login", "as a stranger"])
def test_whatever_the_documents_allow_is_answered_as_they_say(
    login: bool, platform: tuple[str, str], tmp_path: Path
) -> None:
    url, token = platform
    headers = {"Authorization": f"Bearer {token}"}  # what an administrator may call is everything
    described = httpx.get(f"{url}/openapi.json", headers=headers, timeout=30, trust_env=False).raise_for_status()
    assert len(described.json()["paths"]) > 50
    failures, statuses = run_schemathesis(url, described.content, tmp_path, token if login else None)
    assert not failures, failures
    assert not [status for status in statuses if status >= 500]
    if login:
        assert statuses[401] < statuses.total() / 10, "the login was lost, so nothing was tried"
        assert statuses[200] > 50
