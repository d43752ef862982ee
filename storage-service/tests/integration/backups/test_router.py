"""The routes of backups: roles, settings that are missing, bad input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.testing.conformance import assert_problem
from storage_service.backups.jobs import BackupJobs
from storage_service.resources import Resources
from storage_service.settings import Settings

MISSING = "0192f000-0000-7000-8000-000000000000"
ROUTES = [
    ("POST", "/v1/backups"),
    ("GET", "/v1/backups"),
    ("GET", f"/v1/backups/{MISSING}"),
    ("POST", f"/v1/backups/{MISSING}/restorations"),
    ("GET", "/v1/restorations"),
    ("GET", f"/v1/restorations/{MISSING}"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_backups_are_for_administrators_and_ops(
    client_of: Callable[..., Any], settings: Settings, method: str, path: str
) -> None:
    async with client_of(settings, roles=["buyer", "manager"]) as client:
        assert_problem(await client.request(method, path), 403, "forbidden")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backup_database_url": None}, "STORAGE_BACKUP_DATABASE_URL"),
        ({"backup_key_file": None}, "STORAGE_BACKUP_KEY_FILE"),
    ],
)
async def test_missing_settings_are_named(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings], changes: dict[str, Any], words: str
) -> None:
    async with client_of(settings_of(**changes)) as client:
        problem = assert_problem(await client.post("/v1/backups"), 409, "backups_not_configured")
        assert words in problem["detail"]


async def test_an_unusable_key_is_told(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    inside = tmp_path / "backups" / "key"
    short = tmp_path / "short"
    write(inside, bytes(32))
    write(short, b"too short")
    for key_file, words in ((tmp_path / "none", "generate-key"), (inside, "Move it out"), (short, "32 bytes")):
        async with client_of(settings_of(backup_key_file=key_file)) as client:
            problem = assert_problem(await client.post("/v1/backups"), 409, "backup_key_unusable")
            assert words in problem["detail"]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


async def test_missing_tools_are_told(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    async with client_of(settings_of(pg_bin_directory=tmp_path)) as client:
        problem = assert_problem(await client.post("/v1/backups"), 409, "postgres_tools_unusable")
        assert "STORAGE_PG_BIN_DIRECTORY" in problem["detail"]


async def test_unknown_backups_and_restorations_are_not_found(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get(f"/v1/backups/{MISSING}"), 404, "backup_not_found")
    assert_problem(await client.get(f"/v1/restorations/{MISSING}"), 404, "restoration_not_found")
    assert_problem(await client.post(f"/v1/backups/{MISSING}/restorations"), 404, "backup_not_found")
    assert_problem(await client.get("/v1/backups/1"), 422, "invalid_request")


async def test_only_a_completed_backup_with_its_file_can_be_restored(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    backup = (await client.post("/v1/backups")).json()
    path = f"/v1/backups/{backup['id']}/restorations"
    assert_problem(await client.post(path), 409, "backup_not_restorable")
    assert await BackupJobs(resources).run_next()
    for file in list_folder(settings):
        file.unlink()
    problem = assert_problem(await client.post(path), 409, "backup_not_restorable")
    assert "Bring it back" in problem["detail"]


def list_folder(settings: Settings) -> list[Path]:
    return list(settings.backups_directory.iterdir())


@pytest.mark.parametrize("name", ["postgres", "Bad", 'x"; DROP DATABASE y', "", "a" * 64])
async def test_a_bad_target_name_is_refused(client: httpx.AsyncClient, name: str) -> None:
    backup = (await client.post("/v1/backups")).json()
    response = await client.post(f"/v1/backups/{backup['id']}/restorations", json={"target_database": name})
    assert_problem(response, 422, "invalid_database_name")


async def test_nothing_is_restored_over_an_existing_database(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    backup = (await client.post("/v1/backups")).json()
    assert await BackupJobs(resources).run_next()
    path = f"/v1/backups/{backup['id']}/restorations"
    live = settings.database_url.rpartition("/")[2]
    assert_problem(await client.post(path, json={"target_database": live}), 409, "database_exists")
    assert (await client.post(path, json={"target_database": "twice_asked"})).status_code == 202
    assert_problem(await client.post(path, json={"target_database": "twice_asked"}), 409, "database_exists")
    async with resources.database.unit_of_work() as work:
        assert (await work.session.execute(text("SELECT count(*) FROM storage.restorations"))).scalar_one() == 1


async def test_repeats_with_the_same_key_are_one_backup(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "nightly"}
    first, second = [(await client.post("/v1/backups", headers=headers)).json() for _ in range(2)]
    assert first == second


async def test_an_unreachable_database_delays_the_backup(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings], resources: Resources
) -> None:
    settings = settings_of(backup_database_url="postgresql://nobody:secret-word@127.0.0.1:1/none")
    async with client_of(settings) as client:
        backup = (await client.post("/v1/backups")).json()
    broken = Resources(settings, resources.database, resources.gateway, resources.objects, resources.idempotent)
    assert await BackupJobs(broken).run_next()
    async with client_of(settings) as client:
        after = (await client.get(f"/v1/backups/{backup['id']}")).json()
    assert (after["status"], after["problem"]["code"]) == ("queued", "backup_database_unreachable")
    assert "secret-word" not in str(after)
