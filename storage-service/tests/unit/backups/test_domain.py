"""Manifests, retention, names of restored databases."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from storage_service.backups.domain.encryption import BackupKey, WrongKeyError
from storage_service.backups.domain.manifest import (
    DamagedManifestError,
    Manifest,
    TableContent,
    differences,
    open_manifest,
)
from storage_service.backups.domain.names import default_database_name, is_valid_database_name
from storage_service.backups.domain.retention import StoredBackup, to_remove

KEY = BackupKey(bytes(32))
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
TABLES = (TableContent("data.products", 3, "17"), TableContent("data.sales", 10, "-5"))
MANIFEST = Manifest(
    backup_id="b1",
    file_name="backup.dump",
    sha256="ab" * 32,
    size_bytes=100,
    dump_bytes=90,
    key_id=KEY.id,
    database="procurement",
    schemas=("data",),
    roles=("procurement_data",),
    server_version="16.14",
    dump_version="16.14",
    consistent_at=NOW,
    tables=TABLES,
)


def test_a_sealed_manifest_comes_back_whole() -> None:
    assert open_manifest(MANIFEST.seal(KEY), KEY) == MANIFEST


@pytest.mark.parametrize("change", [("rows", 4), ("row_hash", "18"), ("table", "x")])
def test_a_changed_manifest_is_not_believed(change: tuple[str, object]) -> None:
    document = json.loads(MANIFEST.seal(KEY))
    document["manifest"]["tables"][0][change[0]] = change[1]
    with pytest.raises(DamagedManifestError, match="seal"):
        open_manifest(json.dumps(document), KEY)


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"manifest": 1, "seal": "x"}', "\x00"])
def test_something_else_is_no_manifest(document: str) -> None:
    with pytest.raises(DamagedManifestError):
        open_manifest(document, KEY)


def test_a_manifest_of_another_key_is_not_believed() -> None:
    with pytest.raises(WrongKeyError, match=KEY.id):
        open_manifest(MANIFEST.seal(KEY), BackupKey(b"1" * 32))


def test_equal_contents_differ_in_nothing_whatever_their_order() -> None:
    assert differences(TABLES, TABLES[::-1]) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (TABLES[:1], "data.sales is missing"),
        ((TABLES[0], replace(TABLES[1], rows=9)), "9 rows instead of 10"),
        ((TABLES[0], replace(TABLES[1], row_hash="0")), "content differs"),
        ((*TABLES, TableContent("data.more", 0, "0")), "data.more was not in the backup"),
    ],
)
def test_every_difference_is_put_into_words(found: tuple[TableContent, ...], words: str) -> None:
    (problem,) = differences(TABLES, found)
    assert words in problem


def stored(day: int, *, verified: bool = False) -> StoredBackup:
    return StoredBackup(UUID(int=day), NOW + timedelta(days=day), verified)


def test_only_the_newest_are_kept() -> None:
    assert to_remove([stored(day) for day in range(5)], keep=2) == [UUID(int=day) for day in (2, 1, 0)]


def test_the_newest_verified_backup_always_stays() -> None:
    backups = [stored(0, verified=True), stored(1, verified=True), *(stored(day) for day in range(2, 6))]
    assert to_remove(backups, keep=2) == [UUID(int=day) for day in (3, 2, 0)]


def test_few_backups_all_stay() -> None:
    assert to_remove([stored(0)], keep=14) == []


def test_the_default_name_is_a_valid_one() -> None:
    assert is_valid_database_name(default_database_name(NOW))


@pytest.mark.parametrize("name", ["", "Postgres", "postgres", "template1", "a b", 'a"; DROP', "1a", "x" * 64, "ж"])
def test_other_names_are_refused(name: str) -> None:
    assert not is_valid_database_name(name)
