"""The supervisor with real processes: crash, restart, stop, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from local.errors import LocalError
from local.infrastructure.guard import Guard
from local.infrastructure.ports import answers, free_port
from local.infrastructure.processes import Launch, wait_until
from local.infrastructure.valkey import start_valkey
from local.supervisor import Backoff, ServiceLaunch, Supervisor

STAND_IN = Path(__file__).with_name("stand_in.py")
QUICK = Backoff(first_seconds=0.05, longest_seconds=0.2)


def stand_in(folder: Path, name: str, port: int, behaviour: str = "obedient") -> ServiceLaunch:
    command = [sys.executable, str(STAND_IN), str(port), behaviour]
    return ServiceLaunch(Launch(name, command, folder / f"{name}.log"), f"http://127.0.0.1:{port}/health/live")


def naming(*ports: int) -> list[str]:
    """Live processes with one of the ports as an argument: the stand-ins and their children."""
    wanted = {str(port) for port in ports}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if wanted & set(line):
            found.append(" ".join(line))
    return found


@pytest.fixture
def guard() -> Iterator[Guard]:
    with Guard(grace_seconds=1) as started:
        yield started


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(guard: Guard, said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(guard, backoff=QUICK, report=said.append)
    yield made
    made.stop()


def test_a_killed_service_is_started_again_and_its_children_are_not_left(
    supervisor: Supervisor, said: list[str], tmp_path: Path
) -> None:
    port = free_port()
    service = stand_in(tmp_path, "data-service", port)
    supervisor.start([service])
    supervisor.wait_until_serving(20)
    first = supervisor.pid_of("data-service")
    os.kill(first, signal.SIGKILL)

    def is_back() -> bool:
        supervisor.check()
        return supervisor.pid_of("data-service") != first and answers(service.live_url)

    assert wait_until(is_back, 20)
    assert len(naming(port)) == 2  # one service with one child, not two
    assert "exit code -9" in said[0]


def test_a_service_that_keeps_crashing_is_named_with_the_end_of_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([stand_in(tmp_path, "data-service", free_port(), "broken")])
    with pytest.raises(LocalError, match=r"data-service does not start(.|\n)*the setting X is missing"):
        supervisor.wait_until_serving(20)


def test_crashes_are_forgotten_after_a_while_of_good_service(guard: Guard, tmp_path: Path) -> None:
    said: list[str] = []
    backoff = Backoff(first_seconds=0.05, longest_seconds=60, forgiven_after_seconds=0.3)
    supervisor = Supervisor(guard, backoff=backoff, report=said.append)
    supervisor.start([stand_in(tmp_path, "data-service", free_port())])
    try:
        for _ in range(3):
            supervisor.wait_until_serving(20)
            time.sleep(0.4)
            supervisor.check()
            pid = supervisor.pid_of("data-service")
            os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda killed=pid: supervisor.check() or supervisor.pid_of("data-service") != killed, 10)
    finally:
        supervisor.stop()
    assert [line.split(" in ")[1].split(" s.")[0] for line in said] == ["0.1", "0.1", "0.1"]


def test_stopping_ends_services_and_their_children(guard: Guard, tmp_path: Path) -> None:
    ports = free_port(), free_port()
    supervisor = Supervisor(guard, backoff=QUICK)
    supervisor.start([stand_in(tmp_path, f"service-{port}", port) for port in ports])
    supervisor.wait_until_serving(20)
    assert len(naming(*ports)) == 4
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 10
    assert wait_until(lambda: not naming(*ports), 2)


def test_a_crashed_server_is_started_again_on_its_port_with_its_data(guard: Guard, tmp_path: Path) -> None:
    with start_valkey(tmp_path) as valkey, redis.Redis.from_url(valkey.url) as client:
        supervisor = Supervisor(guard, servers=[valkey], report=lambda _: None)
        supervisor.start([])
        client.set("kept", "yes")
        time.sleep(1.2)  # its file is synced every second
        os.kill(valkey.pid, signal.SIGKILL)
        assert wait_until(lambda: not valkey.running, 5)
        supervisor.check()
        assert client.get("kept") == b"yes"


SUPERVISE = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_supervisor import stand_in
from local.infrastructure.guard import Guard
from local.supervisor import Supervisor
ports = [int(port) for port in sys.argv[3:]]
with Guard(grace_seconds=1) as guard:
    supervisor = Supervisor(guard)
    behaviours = ["obedient", "stubborn"]
    supervisor.start([stand_in(Path(sys.argv[2]), f"s{p}", p, b) for p, b in zip(ports, behaviours)])
    supervisor.wait_until_serving(20)
    print("serving", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_supervisor_that_is_killed_not_even_hung_services_and_grandchildren(
    tmp_path: Path, number: signal.Signals
) -> None:
    ports = free_port(), free_port()
    command = [sys.executable, "-c", SUPERVISE, str(STAND_IN.parent), str(tmp_path), *map(str, ports)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "serving\n"
        assert len(naming(*ports)) == 5  # two services, a child each, and the supervisor itself
        process.send_signal(number)
        process.wait()
        assert wait_until(lambda: not naming(*ports), 15, 0.1)
