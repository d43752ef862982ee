"""Backups that restore, and broken ones that are found out."""

import json
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from storage_service.backups.jobs import BackupJobs
from storage_service.resources import Resources, open_resources
from storage_service.settings import Settings

CONTENT = {
    "data.products": "SELECT md5(string_agg(p::text, '|' ORDER BY sku)) AS hash, count(*) FROM data.products p",
    "data.sales": "SELECT md5(string_agg(s::text, '|' ORDER BY s::text)) AS hash, count(*) FROM data.sales s",
    "odd": """SELECT md5(string_agg(o::text, '|' ORDER BY id)) AS hash, count(*) FROM forecast."Odd name" o""",
}
TARGET = "restored_by_test"


async def backed_up(client: httpx.AsyncClient, resources: Resources) -> dict[str, Any]:
    response = await client.post("/v1/backups")
    assert response.status_code == 202, response.text
    assert await BackupJobs(resources).run_next()
    return (await client.get(response.headers["location"])).json()


async def restored(client: httpx.AsyncClient, resources: Resources, backup_id: str) -> dict[str, Any]:
    response = await client.post(f"/v1/backups/{backup_id}/restorations", json={"target_database": TARGET})
    assert response.status_code == 202, response.text
    assert await BackupJobs(resources).run_next()
    return (await client.get(response.headers["location"])).json()


async def events(resources: Resources) -> list[tuple[str, dict[str, Any]]]:
    async with resources.database.unit_of_work() as work:
        rows = await work.session.execute(text("SELECT type, envelope FROM storage.outbox ORDER BY sequence"))
        return [(row.type, row.envelope["data"]) for row in rows]


def folder(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.backups_directory.glob("*"))


@pytest.mark.usefixtures("platform")
async def test_what_is_backed_up_is_restored_row_for_row(
    client: httpx.AsyncClient,
    resources: Resources,
    settings: Settings,
    query: Callable[..., Any],
    drop_later: list[str],
) -> None:
    drop_later.append(TARGET)
    source = settings.database_url.rpartition("/")[2]
    before = {name: tuple((await query(source, sql))[0]) for name, sql in CONTENT.items()}
    backup = await backed_up(client, resources)
    assert (backup["status"], backup["problem"], backup["verified_at"]) == ("completed", None, None)
    assert backup["schemas"] == ["data", "forecast", "gateway", "monitoring", "notification", "storage"]
    restoration = await restored(client, resources, backup["id"])
    assert (restoration["status"], restoration["problem"]) == ("completed", None)
    assert restoration["rows"] == backup["rows"] > 4_000
    after = {name: tuple((await query(TARGET, sql))[0]) for name, sql in CONTENT.items()}
    assert after == before
    owner = "SELECT tableowner FROM pg_tables WHERE schemaname = 'storage' AND tablename = 'exports'"
    assert (await query(TARGET, owner))[0]["tableowner"] == "procurement_storage"
    assert (await client.get(f"/v1/backups/{backup['id']}")).json()["verified_at"] is not None
    told = await events(resources)
    assert [kind for kind, _ in told] == ["storage.backup.completed.v1", "storage.backup.verified.v1"]
    assert told[1][1]["rows"] == backup["rows"]


@pytest.mark.usefixtures("platform")
async def test_a_backup_is_encrypted_and_for_its_owner_only(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    backup = await backed_up(client, resources)
    dump = settings.backups_directory / backup["file_name"]
    content = dump.read_bytes()
    assert backup["size_bytes"] == len(content)
    assert b"PGDMP" not in content
    assert b"products" not in content
    assert stat.S_IMODE(settings.backups_directory.stat().st_mode) == 0o700


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def spoil_manifest(path: Path) -> None:
    manifest = path.with_suffix(".json")
    document = json.loads(manifest.read_text())
    document["manifest"]["tables"][0]["rows"] += 1
    manifest.write_text(json.dumps(document))


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda path: flip(path, 60), id="the first byte of the content flipped"),
        pytest.param(lambda path: flip(path, path.stat().st_size // 2), id="a byte in the middle flipped"),
        pytest.param(lambda path: flip(path, path.stat().st_size - 1), id="the last byte flipped"),
        pytest.param(lambda path: flip(path, 0), id="the magic flipped"),
        pytest.param(cut, id="the end missing"),
        pytest.param(lambda path: path.write_bytes(b""), id="nothing left"),
        pytest.param(spoil_manifest, id="the manifest changed"),
    ],
)
async def test_a_damaged_backup_is_found_out_and_nothing_of_it_stays(
    client: httpx.AsyncClient,
    resources: Resources,
    settings: Settings,
    query: Callable[..., Any],
    harm: Callable[[Path], None],
) -> None:
    backup = await backed_up(client, resources)
    harm(settings.backups_directory / backup["file_name"])
    restoration = await restored(client, resources, backup["id"])
    assert (restoration["status"], restoration["problem"]["code"]) == ("failed", "backup_damaged")
    assert await query("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{TARGET}'") == []
    assert (await client.get(f"/v1/backups/{backup['id']}")).json()["verified_at"] is None
    kind, data = (await events(resources))[-1]
    assert (kind, data["phase"], data["code"]) == ("storage.backup.failed.v1", "verify", "backup_damaged")


@pytest.mark.usefixtures("platform")
async def test_two_backups_with_their_files_exchanged_are_found_out(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    first, second = await backed_up(client, resources), await backed_up(client, resources)
    one, two = (settings.backups_directory / backup["file_name"] for backup in (first, second))
    one.write_bytes(two.read_bytes())
    restoration = await restored(client, resources, first["id"])
    assert (restoration["status"], restoration["problem"]["code"]) == ("failed", "backup_damaged")


@pytest.mark.usefixtures("platform")
async def test_another_key_is_refused_by_name(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    backup = await backed_up(client, resources)
    assert settings.backup_key_file is not None
    settings.backup_key_file.write_bytes(bytes(32))
    restoration = await restored(client, resources, backup["id"])
    assert restoration["status"] == "failed"
    assert restoration["problem"]["code"] == "backup_key_wrong"
    assert backup["key_id"] in restoration["problem"]["detail"]


@pytest.mark.usefixtures("platform")
async def test_a_full_disk_fails_the_backup_and_leaves_nothing(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    with no_file_larger_than(4096):
        backup = await backed_up(client, resources)
    assert (backup["status"], backup["problem"]["code"]) == ("failed", "backup_not_stored")
    assert backup["file_name"] is None
    assert folder(settings) == []
    ((kind, data),) = await events(resources)
    assert (kind, data["phase"]) == ("storage.backup.failed.v1", "store")


@contextmanager
def no_file_larger_than(limit_bytes: int) -> Iterator[None]:
    """The kernel refuses longer files to this process and its children, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def tools_that(folder: Path, real: Path, body: str) -> Path:
    """A pg_dump that says its version, gives some of the real dump, and then does what the test wants."""
    folder.mkdir()
    script = folder / "pg_dump"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec {real}/pg_dump --version\n{body}\n')
    script.chmod(0o755)
    return folder


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{real}/pg_dump "$@" | head -c 20000; echo "pg_dump: error: connection lost" >&2; exit 1', "connection lost"),
        ('{real}/pg_dump "$@" | head -c 20000; kill -9 $$', "-9"),
        ("exit 0", "wrote nothing"),
    ],
)
async def test_a_failing_pg_dump_fails_the_backup_and_leaves_nothing(
    client: httpx.AsyncClient, settings_of: Callable[..., Settings], tmp_path: Path, body: str, words: str
) -> None:
    real = settings_of().pg_bin_directory
    assert real is not None
    folder_of_tools = tools_that(tmp_path / "tools", real, body.replace("{real}", str(real)))
    settings = settings_of(pg_bin_directory=folder_of_tools)
    async with open_resources(settings) as resources:
        backup = await backed_up(client, resources)
        assert (backup["status"], backup["problem"]["code"]) == ("failed", "dump_failed")
        assert words in backup["problem"]["detail"]
        assert folder(settings) == []
        assert (await events(resources))[-1][0] == "storage.backup.failed.v1"


@pytest.mark.usefixtures("platform")
async def test_tools_older_than_the_server_are_refused(
    client: httpx.AsyncClient, settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    real = settings_of().pg_bin_directory
    assert real is not None
    old = tools_that(tmp_path / "tools", real, "")
    (old / "pg_dump").write_text('#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.1"\n')
    async with open_resources(settings_of(pg_bin_directory=old)) as resources:
        backup = await backed_up(client, resources)
    assert (backup["status"], backup["problem"]["code"]) == ("failed", "postgres_tools_unusable")
    assert "9.6.1" in backup["problem"]["detail"]


@pytest.mark.usefixtures("platform")
async def test_a_database_changed_after_the_restore_is_not_called_verified(
    client: httpx.AsyncClient, settings_of: Callable[..., Settings], tmp_path: Path, query: Callable[..., Any]
) -> None:
    """A pg_restore that loses a row: the comparison has to see it."""
    real = settings_of().pg_bin_directory
    assert real is not None
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pg_dump").symlink_to(real / "pg_dump")
    (tools / "pg_restore").write_text(
        f'#!/bin/sh\n{real}/pg_restore "$@" && {real}/psql -qd "$PGDATABASE" -c "DELETE FROM data.sales WHERE quantity < 2"\n'
    )
    (tools / "pg_restore").chmod(0o755)
    async with open_resources(settings_of(pg_bin_directory=tools)) as resources:
        backup = await backed_up(client, resources)
        restoration = await restored(client, resources, backup["id"])
    assert (restoration["status"], restoration["problem"]["code"]) == ("failed", "restored_content_differs")
    assert "data.sales has" in restoration["problem"]["detail"]
    assert await query("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{TARGET}'") == []


@pytest.mark.usefixtures("platform")
async def test_what_a_killed_attempt_left_is_cleared_by_the_next(
    client: httpx.AsyncClient,
    resources: Resources,
    settings: Settings,
    query: Callable[..., Any],
    drop_later: list[str],
) -> None:
    drop_later.append(TARGET)
    ordered = (await client.post("/v1/backups")).json()
    settings.backups_directory.mkdir()
    left = settings.backups_directory / f"backup-20261122T030000Z-{ordered['id'].replace('-', '')}.partial"
    left.write_bytes(b"half")
    await die(resources, "backups")
    assert await BackupJobs(resources).run_next()
    backup = (await client.get(f"/v1/backups/{ordered['id']}")).json()
    assert (backup["status"], backup["attempts"]) == ("completed", 2)
    assert folder(settings) == sorted([backup["file_name"], backup["file_name"].replace(".dump", ".json")])
    order = (await client.post(f"/v1/backups/{backup['id']}/restorations", json={"target_database": TARGET})).json()
    await query("postgres", f'CREATE DATABASE "{TARGET}"')
    await query("postgres", f"COMMENT ON DATABASE \"{TARGET}\" IS 'procurement restoration {order['id']}'")
    await die(resources, "restorations")
    assert await BackupJobs(resources).run_next()
    assert (await client.get(f"/v1/restorations/{order['id']}")).json()["status"] == "completed"


async def die(resources: Resources, table: str) -> None:
    """The job as a worker killed in its first attempt leaves it."""
    async with resources.database.unit_of_work() as work:
        await work.session.execute(
            text(
                f"UPDATE storage.{table} SET status = 'running', attempts = 1, lease_owner = gen_random_uuid(), "
                "lease_until = now() - interval '1 s' WHERE status = 'queued'"
            )
        )
        await work.commit()


@pytest.mark.usefixtures("platform")
async def test_a_restoration_never_touches_a_database_it_did_not_make(
    client: httpx.AsyncClient, resources: Resources, query: Callable[..., Any], drop_later: list[str]
) -> None:
    drop_later.append(TARGET)
    backup = await backed_up(client, resources)
    order = (await client.post(f"/v1/backups/{backup['id']}/restorations", json={"target_database": TARGET})).json()
    await query("postgres", f'CREATE DATABASE "{TARGET}"')  # somebody else was faster
    assert await BackupJobs(resources).run_next()
    restoration = (await client.get(f"/v1/restorations/{order['id']}")).json()
    assert (restoration["status"], restoration["problem"]["code"]) == ("failed", "database_exists")
    assert len(await query("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{TARGET}'")) == 1


async def test_the_schedule_asks_for_one_backup_an_interval_and_old_ones_go(
    client: httpx.AsyncClient, settings_of: Callable[..., Settings]
) -> None:
    settings = settings_of(backups_kept=1)
    async with open_resources(settings) as resources:
        jobs = BackupJobs(resources)
        await jobs.maintain()
        await jobs.maintain()
        (scheduled,) = (await client.get("/v1/backups")).json()["items"]
        assert (scheduled["status"], scheduled["requested_by"]) == ("queued", None)
        assert await jobs.run_next()
        newer = await backed_up(client, resources)
        await jobs.maintain()
        statuses = [item["status"] for item in (await client.get("/v1/backups")).json()["items"]]
        assert statuses == ["completed", "expired"]
        assert folder(settings) == sorted([newer["file_name"], newer["file_name"].replace(".dump", ".json")])


async def test_an_interval_of_zero_turns_the_schedule_off(
    client: httpx.AsyncClient, settings_of: Callable[..., Settings]
) -> None:
    async with open_resources(settings_of(backup_interval_hours=0)) as resources:
        await BackupJobs(resources).maintain()
    assert (await client.get("/v1/backups")).json()["items"] == []


@pytest.mark.usefixtures("platform")
async def test_the_figures_ops_watch_follow_the_backups(client: httpx.AsyncClient, resources: Resources) -> None:
    backup = await backed_up(client, resources)
    await BackupJobs(resources).show_figures()
    shown = (await client.get("/metrics")).text
    assert f"storage_backup_size_bytes {float(backup['size_bytes'])}" in shown
    assert "storage_backup_last_success_timestamp_seconds 1" in shown
