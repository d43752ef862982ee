import pytest
from pydantic import ValidationError

from monitoring_service.health.adapters.prober import targets_of
from monitoring_service.settings import Settings

DATABASE = "postgresql://u:p@db:5432/procurement"


def test_targets_come_as_json_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", DATABASE)
    monkeypatch.setenv("MONITORING_TARGETS", '{"gateway": "http://gateway:8000/health/ready"}')
    assert Settings().targets == {"gateway": "http://gateway:8000/health/ready"}


@pytest.mark.parametrize(
    "targets",
    [
        {"gateway": "ftp://gateway"},
        {"gateway": "tcp://gateway"},
        {"gateway": "tcp://gateway:99999"},
        {"gateway": "http://[::1"},
        {"gateway": ""},
        {"Gateway!": "http://gateway"},
    ],
)
def test_a_target_that_cannot_be_probed_is_refused_at_start(targets: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="targets"):
        Settings(database_url=DATABASE, targets=targets)


def test_servers_are_probed_without_being_configured() -> None:
    settings = Settings(
        database_url=DATABASE,
        redis_url="redis://cache:6379/0",
        broker_url="amqp://monitoring:x@broker:5672/procurement",
    )
    assert {t.name: t.address for t in targets_of(settings)} == {
        "postgres": "db:5432",
        "redis": "cache:6379",
        "broker": "broker:5672",
    }


def test_the_embedded_transport_is_not_a_server_of_its_own() -> None:
    assert [t.name for t in targets_of(Settings(database_url=DATABASE, broker_url=DATABASE))] == ["postgres"]
