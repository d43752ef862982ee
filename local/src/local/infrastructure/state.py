"""The state folder: its layout, the lock that keeps a second start out, secrets, and state.json."""

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.errors import AlreadyRunningError


class StateFolder:
    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.logs = self.root / "logs"
        self.files = self.root / "files"
        self.exports = self.root / "exports"
        self.backups = self.root / "backups"
        self.sample = self.root / "sample"
        self.secrets = self.root / "secrets"
        self._description = self.root / "state.json"

    def create(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        for private in (self.logs, self.files, self.exports, self.backups, self.sample, self.secrets):
            private.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        self.create()
        with exclusive(self.root / "lock", f"Already running with the state folder {self.root}{self._known_urls()}."):
            yield

    def secret(self, name: str) -> str:
        return secret(self.root, name)

    def write_secret(self, name: str, content: str) -> Path:
        return write_private(self.secrets / name, content)

    def describe(self, description: Mapping[str, Any]) -> None:
        """Write state.json by rename: a reader sees the old or the new text, never half of one."""
        write_private(self._description, json.dumps(description, indent=2, sort_keys=True) + "\n", mode=0o644)

    def description(self) -> dict[str, Any]:
        """What the last run wrote, or nothing when there was none."""
        if not self._description.exists():
            return {}
        content = json.loads(self._description.read_text())
        return content if isinstance(content, dict) else {}

    def _known_urls(self) -> str:
        url = self.description().get("url")
        return f": {url}" if url else ""


@contextlib.contextmanager
def exclusive(path: Path, refusal: str) -> Iterator[None]:
    """Hold a lock that the kernel releases when this process ends.

    Raises:
        AlreadyRunningError: another process holds it; the text is `refusal`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(refusal) from None
        yield
    finally:
        os.close(descriptor)


def secret(state_directory: Path, name: str) -> str:
    """A random secret, made on first use and kept in secrets/`name`, mode 0600."""
    path = state_directory / "secrets" / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def write_private(path: Path, content: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
    Path(name).replace(path)
    return path
