"""An address in the environment wins over a private server; nothing is picked because it happens to run."""

from pathlib import Path

import pytest

from local.errors import LocalError, UsageError
from local.infrastructure.postgres import start_postgres
from local.infrastructure.stack import open_infrastructure
from local.infrastructure.valkey import start_valkey

EVERYTHING = {
    "DATABASE_URL": "postgresql://boss:pw@db.example:5432/postgres",
    "REDIS_URL": "redis://cache.example",
    "BROKER_URL": "amqps://broker.example",
}


def test_with_all_addresses_given_nothing_is_started(tmp_path: Path) -> None:
    with open_infrastructure(tmp_path, "rabbitmq", EVERYTHING, {}) as infrastructure:
        assert infrastructure.servers == ()
        assert infrastructure.admin_database_url == EVERYTHING["DATABASE_URL"]
        assert (infrastructure.redis_url, infrastructure.broker_url) == (
            EVERYTHING["REDIS_URL"],
            EVERYTHING["BROKER_URL"],
        )
        assert infrastructure.postgres_binaries is None
        assert set(infrastructure.sources.values()) == {f"{name} in the environment" for name in EVERYTHING}


def test_without_addresses_private_servers_are_started_and_keep_their_ports(tmp_path: Path) -> None:
    with open_infrastructure(tmp_path, "embedded", {"REDIS_URL": " "}, {}) as first:
        ports = dict(first.ports)
        assert [server.name for server in first.servers] == ["PostgreSQL", "Valkey"]
        assert first.broker_url is None
        assert first.postgres_binaries
        assert (first.postgres_binaries / "pg_dump").exists()
        assert first.sources["broker"] == "tables in PostgreSQL"
    with open_infrastructure(tmp_path, "embedded", {}, ports) as second:
        assert second.ports == ports
    assert not any(server.running for server in (*first.servers, *second.servers))


@pytest.mark.parametrize("variable", list(EVERYTHING))
def test_an_address_of_the_wrong_kind_is_refused_before_anything_starts(tmp_path: Path, variable: str) -> None:
    opened = open_infrastructure(tmp_path, "embedded", {variable: "http://somewhere"}, {})
    with pytest.raises(UsageError, match=f"{variable} must begin with"), opened:
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_later_server_that_cannot_start_takes_the_earlier_ones_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.infrastructure.rabbitmq._SCRIPTS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    opened = open_infrastructure(tmp_path / "state", "rabbitmq", {}, {})
    with pytest.raises(LocalError, match="RabbitMQ is not installed"), opened:
        pass
    with start_postgres(tmp_path / "state", durable=False), start_valkey(tmp_path / "state", durable=False):
        pass  # neither folder is still in use
