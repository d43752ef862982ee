import pytest

from monitoring_service.health.domain.targets import Kind, Target, configured_target, server_target, suspects

DATA = Target("data-service", Kind.HTTP, "http://data-service:8000/health/ready")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://procurement_monitoring:secret@db:6432/procurement", "db:6432"),
        ("postgresql://u:p@db/procurement", "db:5432"),
        ("redis://:secret@cache/0", "cache:6379"),
        ("amqp://monitoring:secret@broker/procurement", "broker:5672"),
        ("amqps://monitoring:secret@broker/procurement", "broker:5671"),
    ],
)
def test_a_server_is_probed_at_its_address_and_nothing_secret_is_kept(url: str, address: str) -> None:
    target = server_target("server", url)
    assert target == Target("server", Kind.TCP, address)


def test_a_configured_target_is_http_or_tcp() -> None:
    assert configured_target("data-worker", "tcp://data-worker:9100") == Target(
        "data-worker", Kind.TCP, "data-worker:9100"
    )
    assert configured_target("data-service", DATA.address) == DATA


@pytest.mark.parametrize(
    ("name", "owner"),
    [("data-service", "data"), ("data-worker", "data"), ("gateway", "gateway"), ("gateway-worker", "gateway")],
)
def test_a_service_and_its_worker_belong_to_one_owner(name: str, owner: str) -> None:
    assert Target(name, Kind.HTTP, "").owner == owner


@pytest.mark.parametrize("name", ["postgres", "redis", "broker", "nginx"])
def test_servers_belong_to_nobody_and_blame_nobody(name: str) -> None:
    server = Target(name, Kind.TCP, "")
    assert server.owner is None
    assert suspects(server, None) == ()


def test_a_service_that_says_nothing_is_presumed_to_fail_with_postgresql() -> None:
    assert suspects(DATA, None) == ("postgres",)


def test_a_service_that_reports_is_believed() -> None:
    assert suspects(DATA, frozenset({"database", "broker"})) == ("broker", "postgres")
    assert suspects(DATA, frozenset()) == ()
