"""Backups without a running platform: make a key, check a backup file, restore it into a new database.

    python -m storage_service.backups generate-key FILE
    python -m storage_service.backups check DUMP --key-file FILE
    python -m storage_service.backups restore DUMP --key-file FILE --database-url URL --target NAME

The manifest (.json) must lie beside the dump. The last line of output is one JSON object.
"""

import argparse
import asyncio
import base64
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.errors import ServiceError
from storage_service.backups.adapters.restorer import Restorer, RestoreRequest, checked_dump, read_manifest
from storage_service.backups.adapters.tools import PostgresTools
from storage_service.backups.adapters.vault import MANIFEST_ENDING, load_key
from storage_service.backups.domain.encryption import KEY_BYTES, BackupKey
from storage_service.backups.domain.manifest import Manifest
from storage_service.backups.domain.names import is_valid_database_name
from storage_service.backups.errors import InvalidDatabaseNameError

_RESTORED = """
The database {target} holds the backup of {moment}; every table was compared with its manifest.
To put it into service: python -m shared.database.bootstrap with this database (it gives the roles their passwords
and makes the event tables), then point the services' database URLs at it and start them.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        outcome = _COMMANDS[options.command](options)
    except ServiceError as error:
        sys.stderr.write(f"{error.title}: {error.detail}\n")
        sys.stdout.write(json.dumps({"ok": False, "code": error.code}) + "\n")
        return 1
    sys.stdout.write(json.dumps({"ok": True, **outcome}) + "\n")
    return 0


def generate_key(options: argparse.Namespace) -> dict[str, Any]:
    """Never over an existing file: the old key may be the only one that opens old backups."""
    secret = secrets.token_bytes(KEY_BYTES)
    try:
        descriptor = os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SystemExit(f"{options.file} exists already; a key is never overwritten.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secret) + b"\n")
    return {"key_id": BackupKey(secret).id}


def check(options: argparse.Namespace) -> dict[str, Any]:
    key, manifest = _open(options)
    for _ in checked_dump(options.dump, key, manifest):
        pass
    return _described(manifest)


def restore(options: argparse.Namespace) -> dict[str, Any]:
    key, manifest = _open(options)
    if not is_valid_database_name(options.target):
        raise InvalidDatabaseNameError("Use lower-case letters, digits and underscores, beginning with a letter.")
    if options.dry_run:
        return check(options)
    mark = f"procurement offline restore {secrets.token_hex(8)}"
    request = RestoreRequest(options.database_url, options.target, mark, options.dump, manifest, key)
    asyncio.run(Restorer(PostgresTools(options.pg_bin)).restore(request, _show_progress))
    sys.stderr.write(_RESTORED.format(target=options.target, moment=manifest.consistent_at.isoformat()))
    return {"database": options.target, **_described(manifest)}


def _open(options: argparse.Namespace) -> tuple[BackupKey, Manifest]:
    key = load_key(options.key_file, options.dump.parent)
    return key, read_manifest(options.dump.with_suffix(MANIFEST_ENDING), key)


def _described(manifest: Manifest) -> dict[str, Any]:
    return {
        "backup_id": manifest.backup_id,
        "consistent_at": manifest.consistent_at.isoformat(),
        "schemas": list(manifest.schemas),
        "tables": len(manifest.tables),
        "rows": manifest.rows,
    }


def _show_progress(fraction: float) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{fraction:4.0%}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m storage_service.backups", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    keys = commands.add_parser("generate-key", help="make an encryption key, readable by this user only")
    keys.add_argument("file", type=Path)
    checking = commands.add_parser("check", help="prove that a backup file is whole and opens with the key")
    restoring = commands.add_parser("restore", help="restore a backup file into a new database and compare it")
    for command in (checking, restoring):
        command.add_argument("dump", type=Path, help="the .dump file; its .json manifest lies beside it")
        command.add_argument("--key-file", type=Path, required=True)
    restoring.add_argument(
        "--database-url",
        default=os.environ.get("STORAGE_BACKUP_DATABASE_URL"),
        required="STORAGE_BACKUP_DATABASE_URL" not in os.environ,
        help="a superuser's URL on any database of the server; default: STORAGE_BACKUP_DATABASE_URL",
    )
    restoring.add_argument("--target", required=True, help="name of the database to make; it must not exist")
    restoring.add_argument("--pg-bin", type=Path, default=os.environ.get("STORAGE_PG_BIN_DIRECTORY"))
    restoring.add_argument("--dry-run", action="store_true", help="only check the file; no database is touched")
    return parser


_COMMANDS = {"generate-key": generate_key, "check": check, "restore": restore}

if __name__ == "__main__":
    sys.exit(main())
