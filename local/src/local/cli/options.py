"""Options that many commands share, and what they open."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from local.access import credentials, gateway_url
from local.api import Api
from local.connection import Connection
from local.display import Display
from local.infrastructure.state import StateFolder


class Language(StrEnum):
    EN = "en"
    RU = "ru"


Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Address of the gateway. Default: PROCUREMENT_URL, then the one in --state."
    ),
]
State = Annotated[
    Path,
    typer.Option("--state", metavar="DIR", envvar="PROCUREMENT_STATE", help="State folder of `procurement run`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output; everything else goes to stderr.")]
Texts = Annotated[Language, typer.Option("--language", envvar="PROCUREMENT_LANGUAGE", help="Of reasons and exports.")]
DEFAULT_STATE = Path(".local")
_WIDTH_IN_FILES = 180


@dataclass(frozen=True)
class Session:
    """`display` writes to stderr when JSON is wanted on stdout."""

    api: Api
    display: Display
    state: StateFolder
    as_json: bool

    def answer(self, content: Any) -> None:
        """Print the result as JSON, when that is wanted."""
        if self.as_json:
            print(json.dumps(content, ensure_ascii=False, indent=2))


def display_for(*, as_json: bool) -> Display:
    stream = sys.stderr if as_json else sys.stdout
    return Display(Console(file=stream, width=None if stream.isatty() else _WIDTH_IN_FILES))


@contextmanager
def session(url: str | None, state: Path, *, as_json: bool) -> Iterator[Session]:
    """A connection as whoever the environment or the state folder names."""
    folder = StateFolder(state)
    address = gateway_url(url, folder, os.environ)
    with Connection(address, credentials(address, folder, os.environ)) as connection:
        yield Session(Api(connection), display_for(as_json=as_json), folder, as_json)
