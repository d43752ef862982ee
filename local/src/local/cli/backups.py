"""`procurement backup` and `restore`."""

from typing import Annotated

import typer

from local.cli.options import DEFAULT_STATE, AsJson, State, Url, session
from local.errors import LocalError


def backup(
    list_them: Annotated[bool, typer.Option("--list", help="List the backups instead of making one.")] = False,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Back up all databases, encrypted, and wait until it is done."""
    with session(url, state, as_json=as_json) as opened:
        if list_them:
            backups = opened.api.backups()
            columns = ("id", "status", "created_at", "size_bytes", "verified_at")
            if not as_json:
                opened.display.table(columns, [[each.get(name) for name in columns] for each in backups])
            opened.answer(backups)
            return
        with opened.display.task("Backup") as watch:
            done = opened.api.await_backup(opened.api.start_backup()["id"], watch)
        opened.display.line(f"Backup {done['id']} is {done['status']}, {done.get('size_bytes') or 0:,} bytes.")
        opened.answer(done)


def restore(
    backup_id: Annotated[str, typer.Argument(metavar="BACKUP", help="Id of a backup, or `latest`.")] = "latest",
    target_database: Annotated[
        str | None,
        typer.Option("--target-database", help="A new database to restore into; the live one is not touched."),
    ] = None,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into a new database beside the live one, and wait until it is checked."""
    with session(url, state, as_json=as_json) as opened:
        if backup_id == "latest":
            usable = [each for each in opened.api.backups() if each["status"] in {"completed", "verified"}]
            if not usable:
                raise LocalError("There is no backup yet; make one with `procurement backup`.")
            backup_id = max(usable, key=lambda each: str(each.get("created_at")))["id"]
        with opened.display.task(f"Restoring {backup_id}") as watch:
            started = opened.api.start_restoration(backup_id, target_database)
            done = opened.api.await_restoration(started["id"], watch)
        opened.display.line(f"Restored into the database {done.get('target_database')}.")
        opened.answer(done)
