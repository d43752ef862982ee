"""The same promises, checked on all five services behind the gateway, each on a real database."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from shared.testing.asgi import running
from shared.testing.conformance import check_service
from shared.testing.identities import TEST_KEYS
from shared.web.openapi import document

ROOT = Path(__file__).resolve().parents[2]
OWNERS = ("data", "forecast", "notification", "monitoring", "storage")


@pytest.mark.parametrize("owner", OWNERS)
async def test_a_service_keeps_the_common_promises(
    owner: str, database_url_for: Callable[[str], str], redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_FILES_DIRECTORY", str(tmp_path / "files"))
    monkeypatch.setenv("STORAGE_BACKUPS_DIRECTORY", str(tmp_path / "backups"))
    settings = importlib.import_module(f"{owner}_service.settings").Settings(
        database_url=database_url_for(owner), redis_url=redis_url, environment="test"
    )
    app = importlib.import_module(f"{owner}_service.app").create_app(settings, TEST_KEYS)
    async with running(app) as transport, httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        await check_service(app, client, owner)


@pytest.mark.parametrize("package", ["gateway", *(f"{owner}_service" for owner in OWNERS)])
def test_the_committed_openapi_document_is_current(package: str) -> None:
    committed = ROOT / package.replace("_", "-") / "openapi.json"
    assert json.loads(committed.read_text(encoding="utf-8")) == json.loads(document(package)), "run `make contracts`"
