"""What a backup says about itself: a JSON document beside the encrypted dump, sealed with the backup key."""

import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from storage_service.backups.domain.encryption import BackupKey, WrongKeyError

FORMAT_VERSION = 1


class DamagedManifestError(ValueError):
    """The manifest is not what was written."""


@dataclass(frozen=True)
class TableContent:
    """`row_hash` is the sum of 64-bit hashes of the rows' text forms: equal for equal rows in any order."""

    table: str
    rows: int
    row_hash: str


@dataclass(frozen=True)
class Manifest:
    backup_id: str
    file_name: str
    sha256: str
    size_bytes: int
    dump_bytes: int
    key_id: str
    database: str
    schemas: tuple[str, ...]
    roles: tuple[str, ...]
    server_version: str
    dump_version: str
    consistent_at: datetime
    tables: tuple[TableContent, ...]
    format_version: int = FORMAT_VERSION

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    def content(self) -> dict[str, Any]:
        return {**asdict(self), "consistent_at": self.consistent_at.isoformat()}

    def seal(self, key: BackupKey) -> str:
        """The document to store."""
        content = self.content()
        sealed = {"manifest": content, "seal": key.authenticate(_canonical(content))}
        return json.dumps(sealed, indent=2, ensure_ascii=False) + "\n"


def open_manifest(document: str, key: BackupKey) -> Manifest:
    """Raises: DamagedManifestError, WrongKeyError."""
    try:
        sealed = json.loads(document)
        content, seal = sealed["manifest"], sealed["seal"]
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedManifestError("it is not a manifest") from error
    if isinstance(content, dict) and content.get("key_id") != key.id:
        raise WrongKeyError(f"it was sealed with key {content.get('key_id')}, the key given is {key.id}")
    if not isinstance(content, dict) or not hmac.compare_digest(str(seal), key.authenticate(_canonical(content))):
        raise DamagedManifestError("its seal does not fit: it was changed")
    if content["format_version"] != FORMAT_VERSION:
        raise DamagedManifestError(f"its format {content['format_version']} is not one this version can read")
    return Manifest(
        **{
            **content,
            "schemas": tuple(content["schemas"]),
            "roles": tuple(content["roles"]),
            "consistent_at": datetime.fromisoformat(content["consistent_at"]),
            "tables": tuple(TableContent(**table) for table in content["tables"]),
        }
    )


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def differences(expected: tuple[TableContent, ...], found: tuple[TableContent, ...]) -> list[str]:
    """In words, one entry per table that differs; empty when the restored content equals the dumped one."""
    restored = {content.table: content for content in found}
    problems = []
    for table in expected:
        other = restored.pop(table.table, None)
        if other is None:
            problems.append(f"{table.table} is missing")
        elif other.rows != table.rows:
            problems.append(f"{table.table} has {other.rows} rows instead of {table.rows}")
        elif other.row_hash != table.row_hash:
            problems.append(f"{table.table} has the right number of rows, but their content differs")
    problems.extend(f"{table} was not in the backup" for table in restored)
    return problems
