"""Child processes that never outlive their parent, and the account they run as."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local.errors import LocalError

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT_BYTES = 20_000_000
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """The operating system user that a server is run as."""

    uid: int
    gid: int

    def can_enter(self, path: Path) -> bool:
        """Whether this account may reach `path`: every existing folder on the way is searchable for it."""
        resolved = path.resolve()
        return all(self._may_search(folder) for folder in (resolved, *resolved.parents) if folder.is_dir())

    def _may_search(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def unprivileged_account() -> Account | None:
    """Whom root hands a server to that refuses to run as root; None when this process is not root."""
    if os.geteuid() != 0:
        return None
    sudo_uid, sudo_gid = int(os.environ.get("SUDO_UID", "0")), int(os.environ.get("SUDO_GID", "0"))
    if sudo_uid and sudo_gid:
        return Account(sudo_uid, sudo_gid)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise LocalError("Running as root, and neither a user 'postgres' nor 'nobody' exists to run PostgreSQL as.")


def with_passwd_entry(command: Sequence[str]) -> list[str]:
    """`command`, mapped into a user namespace when the current uid has no passwd entry (initdb insists on one)."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return ["unshare", "-U", "--map-user=65534", "--map-group=65534", *command]
    return list(command)


@dataclass(frozen=True)
class Launch:
    """What to start: `death_signal` reaches the child when the parent dies, however it dies (Linux)."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] | None = None
    account: Account | None = None
    folder: Path = Path("/")
    death_signal: signal.Signals = signal.SIGTERM


class ChildProcess:
    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._popen = popen

    @classmethod
    def start(cls, launch: Launch) -> Self:
        """Must be called from the main thread: the death signal is bound to the creating thread."""
        if _libc is not None and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("Start child processes from the main thread: they are stopped when their thread ends.")
        account = launch.account
        with _open_log(launch.log) as log:
            popen = subprocess.Popen(
                list(launch.command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if launch.environment is None else dict(launch.environment),
                cwd=launch.folder,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=_die_with_parent(launch.death_signal),  # noqa: PLW1509  # runs between fork and exec, no threads touched
            )
        return cls(launch.name, popen, launch.log)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait(self, timeout_seconds: float) -> int | None:
        """The exit code, or None when it still runs after the timeout."""
        try:
            return self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_seconds: float = 15.0) -> None:
        """Ask with `number`, then insist with SIGKILL to the process and its group."""
        if self.running:
            self.send(number)
            self.wait(timeout_seconds)
            self.end_group()

    def end_group(self) -> None:
        """SIGKILL for the process if it still runs, and for whatever it started in its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arrange


@contextlib.contextmanager
def _open_log(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(path.suffix + ".1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def log_tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return "(no log)"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16_384))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])


def wait_until(condition: Callable[[], bool], timeout_seconds: float, interval_seconds: float = 0.02) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_seconds)
    return True


def processes_working_in(folder: Path) -> list[int]:
    """Live processes whose current directory is `folder` (Linux; elsewhere none are found)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder and not _is_zombie(entry):
                found.append(int(entry.name))
    return found


def _is_zombie(entry: Path) -> bool:
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
