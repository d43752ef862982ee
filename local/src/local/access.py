"""Which platform to talk to and as whom: options, environment, then what the last `procurement run` left behind."""

import json
from collections.abc import Mapping
from pathlib import Path

from local.connection import Credentials
from local.errors import UnreachableError
from local.infrastructure.state import StateFolder

ADMINISTRATOR_FILE = "administrator.json"


def gateway_url(given: str | None, state: StateFolder, environment: Mapping[str, str]) -> str:
    """Raises UnreachableError when nothing names a platform."""
    url = given or environment.get("PROCUREMENT_URL") or state.description().get("url")
    if not url:
        raise UnreachableError(
            f"No platform known: {state.root} holds no running one. Start it with `procurement run`, or give its "
            "address with --url or PROCUREMENT_URL."
        )
    return str(url)


def credentials(url: str, state: StateFolder, environment: Mapping[str, str]) -> Credentials:
    """An API key, or an e-mail address with its password, or the administrator of STATE for the platform of STATE."""
    if environment.get("PROCUREMENT_API_KEY"):
        return Credentials(api_key=environment["PROCUREMENT_API_KEY"])
    if environment.get("PROCUREMENT_EMAIL"):
        return Credentials(environment["PROCUREMENT_EMAIL"], environment.get("PROCUREMENT_PASSWORD"))
    path = state.secrets / ADMINISTRATOR_FILE
    if url.rstrip("/") == str(state.description().get("url", "")).rstrip("/") and path.exists():
        return _read(path)
    return Credentials()


def write_administrator(state: StateFolder, email: str, password: str) -> Path:
    return state.write_secret(ADMINISTRATOR_FILE, json.dumps({"email": email, "password": password}) + "\n")


def _read(path: Path) -> Credentials:
    content = json.loads(path.read_text())
    return Credentials(content["email"], content["password"])
