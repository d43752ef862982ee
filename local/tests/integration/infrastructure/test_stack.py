"""An address in the environment wins over a private server; nothing is picked because it happens to run."""

from pathlib import Path

import pytest

from local.errors import UsageError
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


def test_an_address_of_the_wrong_kind_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"DATABASE_URL must begin with postgresql://"):
        with open_infrastructure(tmp_path, "embedded", {"DATABASE_URL": "mysql://db"}, {}):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_later_server_that_cannot_start_takes_the_earlier_ones_with_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="BROKER_URL"):
        with open_infrastructure(tmp_path, "embedded", {"BROKER_URL": "http://broker"}, {}):
            pass
    with start_postgres(tmp_path, durable=False), start_valkey(tmp_path, durable=False):
        pass  # neither folder is still in use
