"""The commands that work when no platform runs."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage_service.backups.__main__ import main
from storage_service.backups.jobs import BackupJobs
from storage_service.resources import Resources
from storage_service.settings import Settings

TARGET = "restored_offline"


@pytest.fixture
async def dump(client: httpx.AsyncClient, resources: Resources, settings: Settings, platform: str) -> Path:
    backup = (await client.post("/v1/backups")).json()
    assert await BackupJobs(resources).run_next()
    name = (await client.get(f"/v1/backups/{backup['id']}")).json()["file_name"]
    return settings.backups_directory / name


def run(*arguments: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "storage_service.backups", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("STORAGE_")},
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}, done.stderr


async def test_a_backup_is_restored_from_its_two_files_alone(
    dump: Path, settings: Settings, platform: str, query: Callable[..., Any], drop_later: list[str]
) -> None:
    drop_later.append(TARGET)
    options = ["--key-file", str(settings.backup_key_file), "--pg-bin", str(settings.pg_bin_directory)]
    code, told, errors = run("restore", str(dump), *options, "--database-url", platform, "--target", TARGET)
    assert (code, told["ok"], told["database"]) == (0, True, TARGET), errors
    assert "bootstrap" in errors
    assert (await query(TARGET, "SELECT count(*) FROM data.products"))[0]["count"] == 500
    code, told, errors = run("restore", str(dump), *options, "--database-url", platform, "--target", TARGET)
    assert (code, told["code"]) == (1, "database_exists")


async def test_a_dry_run_checks_everything_and_makes_nothing(
    dump: Path, settings: Settings, platform: str, query: Callable[..., Any]
) -> None:
    options = ["--key-file", str(settings.backup_key_file), "--database-url", platform, "--target", TARGET, "--dry-run"]
    code, told, _ = run("restore", str(dump), *options)
    assert (code, told["ok"]) == (0, True)
    assert await query("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{TARGET}'") == []


async def test_checking_finds_a_wrong_key_and_a_flipped_byte(dump: Path, settings: Settings, tmp_path: Path) -> None:
    key = str(settings.backup_key_file)
    assert run("check", str(dump), "--key-file", key)[:2][1]["ok"]
    other = tmp_path / "other.key"
    assert run("generate-key", str(other))[0] == 0
    assert run("check", str(dump), "--key-file", str(other))[1]["code"] == "backup_key_wrong"
    flip_last_byte(dump)
    code, told, errors = run("check", str(dump), "--key-file", key)
    assert (code, told["code"]) == (1, "backup_damaged")
    assert "changed or cut" in errors


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_new_key_is_private_and_never_overwrites_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "key"
    assert main(["generate-key", str(path)]) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="exists already"):
        main(["generate-key", str(path)])
    assert path.read_bytes() == before
    assert json.loads(capsys.readouterr().out)["key_id"]


def test_the_help_explains_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["restore", "--help"])
    assert ended.value.code == 0
    assert "--target" in capsys.readouterr().out
