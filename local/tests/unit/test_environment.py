"""What each service is told."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from local.environment import ADMIN_EMAIL, Environment
from local.infrastructure.stack import Infrastructure
from local.infrastructure.state import StateFolder
from local.services import GATEWAY, SERVICES, Service

PORTS = {service.owner: 20_000 + number for number, service in enumerate(SERVICES)}
BY_OWNER = {service.owner: service for service in SERVICES}


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "state")
    folder.create()
    return folder


def environment(state: StateFolder, broker_url: str | None = None, **user: str) -> Environment:
    infrastructure = Infrastructure(
        admin_database_url="postgresql://postgres:s%2Fcret@127.0.0.1:5555/postgres",
        redis_url="redis://:pw@127.0.0.1:6666/0",
        broker_url=broker_url,
        postgres_binaries=Path("/opt/pg/bin"),
    )
    return Environment(state, infrastructure, PORTS, user)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.owner)
def test_every_service_gets_its_own_role_and_never_the_superuser(state: StateFolder, service: Service) -> None:
    settings = environment(state, DATABASE_URL="postgresql://postgres:boss@db/postgres").of(service)
    url = settings[f"{service.prefix}DATABASE_URL"]
    assert url.startswith(f"postgresql://procurement_{service.owner}:")
    assert url.endswith("@127.0.0.1:5555/procurement")
    assert settings[f"{service.prefix}PORT"] == str(PORTS[service.owner])
    assert settings[f"{service.prefix}GATEWAY_URL"] == f"http://127.0.0.1:{PORTS['gateway']}"
    assert settings[f"{service.prefix}WORKER_IN_PROCESS"] == "true"
    assert "DATABASE_URL" not in settings
    holders = {name for name, value in settings.items() if "s%2Fcret" in value}
    assert holders == ({"STORAGE_BACKUP_DATABASE_URL"} if service.owner == "storage" else set())


def test_events_travel_through_the_services_own_database_role_or_through_the_broker(state: StateFolder) -> None:
    data = BY_OWNER["data"]
    embedded = environment(state).of(data)
    assert embedded["DATA_BROKER_URL"] == embedded["DATA_DATABASE_URL"]
    assert environment(state, "amqp://u:p@127.0.0.1/%2F").of(data)["DATA_BROKER_URL"] == "amqp://u:p@127.0.0.1/%2F"


def test_the_gateway_knows_the_five_services_and_everybodys_credentials(state: StateFolder) -> None:
    composed = environment(state)
    settings = composed.of(GATEWAY)
    upstreams = {name for name in settings if name.startswith("GATEWAY_UPSTREAMS__")}
    clients = json.loads(settings["GATEWAY_SERVICE_CLIENTS"])
    assert upstreams == {f"GATEWAY_UPSTREAMS__{owner.upper()}" for owner in PORTS if owner != "gateway"}
    assert settings["GATEWAY_UPSTREAMS__DATA"] == f"http://127.0.0.1:{PORTS['data']}"
    for service in SERVICES:
        own = composed.of(service)
        assert clients[own[f"{service.prefix}CLIENT_ID"]] == own[f"{service.prefix}CLIENT_SECRET"]
    assert settings["GATEWAY_ADMIN_EMAIL"] == ADMIN_EMAIL
    assert len(settings["GATEWAY_ADMIN_PASSWORD"]) >= 20


def test_secrets_are_private_and_the_same_at_the_next_start(state: StateFolder) -> None:
    first = [environment(state).of(service) for service in SERVICES]
    files = list(state.secrets.iterdir())
    assert [environment(state).of(service) for service in SERVICES] == first
    assert len(files) >= 15
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(state.secrets.stat().st_mode) == 0o700
    key = load_pem_private_key(Path(first[0]["GATEWAY_SIGNING_KEY_FILE"]).read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)


def test_a_service_does_not_see_the_settings_of_another(state: StateFolder) -> None:
    composed = environment(state, STORAGE_GOOGLE_CREDENTIALS_FILE="/key.json", DATA_LOG_LEVEL="DEBUG", HOME="/home/me")
    for service in SERVICES:
        foreign = tuple(other.prefix for other in SERVICES if other != service)
        settings = composed.of(service)
        assert not [name for name in settings if name.startswith(foreign)]
        assert settings["HOME"] == "/home/me"


def test_what_the_user_sets_wins(state: StateFolder) -> None:
    composed = environment(state, DATA_DATABASE_POOL_SIZE="9", GATEWAY_ADMIN_EMAIL="boss@example.com")
    assert composed.of(BY_OWNER["data"])["DATA_DATABASE_POOL_SIZE"] == "9"
    assert composed.of(GATEWAY)["GATEWAY_ADMIN_EMAIL"] == "boss@example.com"


def test_telegram_and_google_credentials_reach_the_service_that_uses_them(state: StateFolder) -> None:
    composed = environment(state, TELEGRAM_TOKEN="1:abc", GOOGLE_APPLICATION_CREDENTIALS="/key.json")
    assert composed.of(BY_OWNER["notification"])["NOTIFICATION_TELEGRAM_TOKEN"] == "1:abc"
    assert composed.of(BY_OWNER["storage"])["STORAGE_GOOGLE_CREDENTIALS_FILE"] == "/key.json"


def test_storage_finds_the_tools_of_the_server_it_backs_up(state: StateFolder) -> None:
    settings = environment(state).of(BY_OWNER["storage"])
    assert settings["STORAGE_PG_BIN_DIRECTORY"] == "/opt/pg/bin"
    assert settings["STORAGE_BACKUP_DATABASE_URL"].endswith("/procurement")
    assert not Path(settings["STORAGE_BACKUP_KEY_FILE"]).is_relative_to(settings["STORAGE_BACKUPS_DIRECTORY"])
