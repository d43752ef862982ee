"""The drill: kill -9 the broker, the relay and the consumer while events are written, and count what became of them.

As a script it drills with other figures and prints one line of JSON:
`python shared/tests/integration/messaging/test_kill.py --transport rabbitmq --events 10000 --kills 5`.
"""

import argparse
import asyncio
import json
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from local.infrastructure.postgres import PostgresServer, start_postgres
from local.infrastructure.rabbitmq import RabbitmqServer, start_rabbitmq
from shared.database.bootstrap import OWNERS, bootstrap_database, role_of

PROCESS = Path(__file__).with_name("drill_process.py")
DRAIN_SECONDS = 60.0
# RabbitMQ 3.10 loses track of a quorum queue that is younger than its last directory flush (0.5 s) when killed.
SETTLE_SECONDS = 2.0
PASSWORD = "test-only"


@dataclass
class Drill:
    database_url: str
    broker_url: str
    events: int
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)

    def start(self, role: str) -> None:
        log = (self.folder / f"{role}.log").open("ab")
        command = [sys.executable, str(PROCESS), role, self.database_url, self.broker_url, str(self.events)]
        self.processes[role] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        log.close()

    def kill(self, role: str) -> None:
        self.processes[role].kill()
        self.processes[role].wait()
        self.kills[role] = self.kills.get(role, 0) + 1

    def stop_all(self) -> dict[str, int]:
        for process in self.processes.values():
            process.terminate()
        return {role: process.wait(40) for role, process in self.processes.items()}

    def query(self, statement: str) -> Any:
        async def fetch() -> Any:
            connection = await asyncpg.connect(self.database_url, server_settings={"search_path": "data"})
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def wait_for(self, statement: str, value: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.query(statement) < value:
            assert time.monotonic() < deadline, f"{statement} stayed below {value} for {seconds} s"
            time.sleep(0.1)

    def figures(self) -> dict[str, int]:
        dead = self.query("SELECT count(*) FROM inbox") - self.query("SELECT count(DISTINCT number) FROM effect")
        return {
            "attempted": self.events,
            "committed": self.query("SELECT count(*) FROM written"),
            "published": self.query("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL"),
            "applied": self.query("SELECT count(DISTINCT number) FROM effect"),
            "lost": self.query(
                "SELECT count(*) FROM written w WHERE NOT EXISTS (SELECT FROM effect e WHERE e.number = w.number)"
            ),
            "duplicated": self.query(
                "SELECT count(*) FROM (SELECT FROM effect GROUP BY number HAVING count(*) > 1) AS d"
            ),
            "unexpected": self.query(
                "SELECT count(*) FROM effect e WHERE NOT EXISTS (SELECT FROM written w WHERE w.number = e.number)"
            ),
            "inbox_without_effect": dead,
        }


@contextmanager
def drill(server: PostgresServer, broker_url: str | None, events: int, folder: Path) -> Iterator[Drill]:
    """`broker_url` None is the embedded transport. Yields with the queue declared and everything running."""
    database = f"drill_{secrets.token_hex(6)}"
    asyncio.run(bootstrap_database(server.url, dict.fromkeys(OWNERS, PASSWORD), database=database))
    url = server.url_for(database, role_of("data"), PASSWORD)
    made = Drill(url, broker_url or url, events, folder)
    subprocess.run([sys.executable, str(PROCESS), "prepare", url, made.broker_url, "0"], check=True)
    if broker_url:
        time.sleep(SETTLE_SECONDS)
    try:
        for role in ("relay", "consumer", "writer"):
            made.start(role)
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
            process.wait()


def run_drill(made: Drill, victims: dict[str, Callable[[], None]], kills: int, seed: int) -> dict[str, Any]:
    """Kill each victim `kills` times, spread over the writing, then let everything drain."""
    schedule = [name for name in victims for _ in range(kills)]
    random.Random(seed).shuffle(schedule)
    for position, name in enumerate(schedule, start=1):
        made.wait_for("SELECT count(*) FROM written", made.events * position // (len(schedule) + 2), 120)
        victims[name]()
    assert made.processes["writer"].wait(300) == 0, "the writer failed: writing must never notice the broker"
    drained_from = time.monotonic()
    try:
        made.wait_for("SELECT count(DISTINCT number) FROM effect", made.events, DRAIN_SECONDS)
    except AssertionError:
        sys.stderr.write("not drained in time\n")
    drain_seconds = round(time.monotonic() - drained_from, 1)
    del made.processes["writer"]
    stopped = made.stop_all()
    return {**made.figures(), "kills": made.kills, "drain_seconds": drain_seconds, "exit_codes": stopped}


def killing_processes(made: Drill) -> dict[str, Callable[[], None]]:
    def victim(role: str) -> Callable[[], None]:
        def kill_and_start() -> None:
            made.kill(role)
            made.start(role)

        return kill_and_start

    return {"relay": victim("relay"), "consumer": victim("consumer")}


def killing_the_broker(made: Drill, server: RabbitmqServer) -> dict[str, Callable[[], None]]:
    def kill_and_start() -> None:
        server.kill()
        made.kills["broker"] = made.kills.get("broker", 0) + 1
        time.sleep(0.5)
        server.restart()

    return {"broker": kill_and_start}


def verdict(figures: dict[str, Any]) -> bool:
    whole = figures["attempted"] == figures["committed"] == figures["published"] == figures["applied"]
    clean = not any(figures[name] for name in ("lost", "duplicated", "unexpected", "inbox_without_effect"))
    return whole and clean and set(figures["exit_codes"].values()) == {0}


@pytest.mark.broker
@pytest.mark.timeout(400)
def test_killing_the_broker_while_a_thousand_events_are_published_loses_and_doubles_nothing(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with start_rabbitmq(tmp_path / "rabbitmq") as broker, drill(postgres_server, broker.url, 1000, tmp_path) as made:
        figures = run_drill(made, killing_the_broker(made, broker), kills=2, seed=1)
    sys.stdout.write(json.dumps({"drill": "broker killed", **figures}) + "\n")
    assert verdict(figures), figures


@pytest.mark.broker
@pytest.mark.timeout(400)
def test_killing_relay_and_consumer_on_rabbitmq_loses_and_doubles_nothing(
    postgres_server: PostgresServer, rabbitmq_server: RabbitmqServer, tmp_path: Path
) -> None:
    with drill(postgres_server, rabbitmq_server.url, 1000, tmp_path) as made:
        figures = run_drill(made, killing_processes(made), kills=3, seed=2)
    sys.stdout.write(json.dumps({"drill": "processes killed, RabbitMQ", **figures}) + "\n")
    assert verdict(figures), figures


@pytest.mark.timeout(400)
def test_killing_relay_and_consumer_on_the_embedded_transport_loses_and_doubles_nothing(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with drill(postgres_server, None, 1000, tmp_path) as made:
        figures = run_drill(made, killing_processes(made), kills=3, seed=3)
    sys.stdout.write(json.dumps({"drill": "processes killed, embedded", **figures}) + "\n")
    assert verdict(figures), figures


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill -9 the event path while events are written.")
    parser.add_argument("--transport", choices=["rabbitmq", "postgresql"], default="rabbitmq")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5, help="of the broker, the relay and the consumer each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        server = stack.enter_context(start_postgres(folder / "postgres", durable=False))
        broker = stack.enter_context(start_rabbitmq(folder / "rabbitmq")) if options.transport == "rabbitmq" else None
        made = stack.enter_context(drill(server, broker.url if broker else None, options.events, folder))
        victims = killing_processes(made) | (killing_the_broker(made, broker) if broker else {})
        figures = run_drill(made, victims, options.kills, options.seed)
    sys.stdout.write(json.dumps({"transport": options.transport, "passed": verdict(figures), **figures}) + "\n")
    return 0 if verdict(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
