"""`procurement users`: list, add, disable, enable."""

import secrets
from enum import StrEnum
from typing import Annotated

import typer

from local.api import Json
from local.cli.options import DEFAULT_STATE, AsJson, Session, State, Url, session
from local.errors import LocalError

app = typer.Typer(help="List, add and disable people.", no_args_is_help=True)
_COLUMNS = ("email", "name", "roles", "active", "created_at")


class Role(StrEnum):
    ADMIN = "admin"
    MANAGER = "manager"
    BUYER = "buyer"
    OPS = "ops"


Email = Annotated[str, typer.Argument(help="E-mail address.")]


@app.command("list")
def list_users(url: Url = None, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Everybody who may log in, and what they may do."""
    with session(url, state, as_json=as_json) as opened:
        users = list(opened.api.users())
        if not as_json:
            opened.display.table(_COLUMNS, [_row(user) for user in users])
        opened.answer(users)


@app.command("add")
def add_user(
    email: Email,
    roles: Annotated[list[Role], typer.Option("--role", help="May be given several times.")],
    name: Annotated[str | None, typer.Option("--name", help="Default: what stands before the @.")] = None,
    password: Annotated[
        str | None,
        typer.Option("--password", envvar="PROCUREMENT_NEW_PASSWORD", help="Default: a random one, shown once."),
    ] = None,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Add somebody."""
    chosen = password or secrets.token_urlsafe(15)
    with session(url, state, as_json=as_json) as opened:
        user = opened.api.add_user(email, name or email.partition("@")[0], chosen, [role.value for role in roles])
        opened.display.line(f"Added {user['email']} as {', '.join(user['roles'])}.")
        if password is None:
            opened.display.line(f"Password (shown once): {chosen}")
        opened.answer(user if password else {**user, "password": chosen})


@app.command("disable")
def disable_user(email: Email, url: Url = None, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Shut somebody out; their history stays."""
    with session(url, state, as_json=as_json) as opened:
        _set_active(opened, email, active=False)


@app.command("enable")
def enable_user(email: Email, url: Url = None, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Let somebody in again."""
    with session(url, state, as_json=as_json) as opened:
        _set_active(opened, email, active=True)


def _set_active(opened: Session, email: str, *, active: bool) -> None:
    found = next((user for user in opened.api.users() if user["email"] == email.strip().lower()), None)
    if found is None:
        raise LocalError(f"There is no user {email}; `procurement users list` shows them.")
    user = opened.api.change_user(found["id"], {"active": active})
    opened.display.line(f"{user['email']} is {'active' if user['active'] else 'disabled'}.")
    opened.answer(user)


def _row(user: Json) -> list[str]:
    return [", ".join(user[name]) if name == "roles" else str(user.get(name)) for name in _COLUMNS]
