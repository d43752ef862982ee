"""WebSockets through the gateway, with an independent client on one side and an independent server on the other."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

import pytest
import yaml
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

PATH = "/api/v1/data/sales"
MIB = 1024 * 1024


class Service:
    """Echoes; `close 4001 why` makes it close so, `count 100` makes it send so many messages."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.closed_with: list[int | None] = []
        self.status: int | None = None
        self.sent = 0
        self.server = serve(
            self.talk,
            "127.0.0.1",
            0,
            process_request=self.answer,
            subprotocols=["chat.v2"],  # type: ignore[list-item]
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            max_size=2 * MIB,
        )
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, connection: Any, request: Any) -> Any:
        self.requests.append(request)
        return connection.respond(HTTPStatus(self.status), "no") if self.status is not None else None

    def talk(self, connection: Any) -> None:
        try:
            for message in connection:
                self._react(connection, message)
        except ConnectionClosed:
            pass
        self.closed_with.append(connection.protocol.close_rcvd.code if connection.protocol.close_rcvd else None)

    def _react(self, connection: Any, message: Any) -> None:
        word, *rest = message.split(" ") if isinstance(message, str) else [""]
        if word == "close":
            connection.close(int(rest[0]), rest[1])
        elif word == "count":
            for number in range(int(rest[0])):
                connection.send(str(number))
        elif word == "flood":
            for _ in range(int(rest[0])):
                connection.send(b"x" * MIB)
                self.sent += 1
        else:
            connection.send(message)


@pytest.fixture
def service() -> Iterator[Service]:
    started = Service()
    yield started
    started.server.shutdown()


@pytest.fixture
def ws_gateway(service: Service, gateway: Any, gateway_to: Any, tmp_path: Any) -> Any:
    document = yaml.safe_load(gateway.settings.routes_file.read_text())
    document["services"]["data"]["routes"]["/sales"]["GET"] = {"allow": "approvers", "websocket": True}
    routes = tmp_path / "routes.yaml"
    routes.write_text(yaml.safe_dump(document, explicit_end=True))
    started = gateway_to(service.port, routes_file=routes, idle_seconds=20.0)
    started.tokens.update(gateway.tokens)
    return started


@pytest.fixture
def open_socket(ws_gateway: Any) -> Iterator[Callable[..., Any]]:
    """`open_socket(role, …)`: a client's WebSocket, closed after the test."""
    with ExitStack() as stack:

        def start(role: str | None = "buyer", path: str = PATH, **given: Any) -> Any:
            headers = {"Authorization": f"Bearer {ws_gateway.token(role)}"} if role is not None else {}
            headers |= given.pop("headers", {})
            url = f"ws://127.0.0.1:{ws_gateway.port}{path}"
            return stack.enter_context(
                connect(url, additional_headers=headers, max_size=2 * MIB, close_timeout=1, proxy=None, **given)
            )

        yield start


def test_messages_of_all_kinds_and_sizes_pass_both_ways(open_socket: Any) -> None:
    opened = open_socket()
    for message in ("text", "", "ж" * 70_000, b"\x00\xff", b"b" * MIB, "t" * MIB):
        opened.send(message)
        assert opened.recv(timeout=10) == message
    opened.send(["in ", "pieces"])
    assert opened.recv(timeout=5) == "in pieces"
    assert opened.ping().wait(5)


def test_many_messages_keep_their_order(open_socket: Any) -> None:
    opened = open_socket()
    opened.send("count 2000")
    assert [opened.recv(timeout=5) for _ in range(2000)] == [str(number) for number in range(2000)]
    for number in range(500):
        opened.send(f"n{number}")
    assert [opened.recv(timeout=5) for _ in range(500)] == [f"n{number}" for number in range(500)]


def test_the_subprotocol_is_agreed_end_to_end(open_socket: Any) -> None:
    assert open_socket(subprotocols=["chat.v2"]).subprotocol == "chat.v2"
    assert open_socket(compression=None).subprotocol is None


def test_closing_codes_pass_both_ways(open_socket: Any, service: Service) -> None:
    opened = open_socket()
    opened.send("close 4001 because")
    with pytest.raises(ConnectionClosed) as closed:
        opened.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "because")
    other = open_socket()
    other.close(4002, "enough")
    until = time.monotonic() + 5
    while 4002 not in service.closed_with and time.monotonic() < until:
        time.sleep(0.02)
    assert 4002 in service.closed_with


def test_the_service_sees_who_it_is_and_nothing_the_caller_made_up(open_socket: Any, service: Service) -> None:
    open_socket(
        path=f"{PATH}?a=1",
        headers={"X-Identity-Token": "forged", "X_User_Id": "1", "Cookie": "a=b", "X-Request-Id": "r"},
    )
    seen = service.requests[-1]
    assert seen.path == "/v1/sales?a=1"
    assert seen.headers["X-Request-Id"] == "r"
    assert seen.headers["X-Identity-Token"].count(".") == 2
    assert not {"Authorization", "Cookie", "X_User_Id"} & {name for name, _ in seen.headers.raw_items()}


@pytest.mark.parametrize(("role", "status", "code"), [(None, 401, "unauthenticated"), ("ops", 403, "role_missing")])
def test_who_may_not_is_refused_before_anything_is_opened(
    role: str | None, status: int, code: str, open_socket: Any, service: Service
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_socket(role)
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["code"].startswith(code[:8])
    assert service.requests == []


def test_a_route_without_websockets_is_served_as_if_none_was_asked_for(gateway: Any, fresh_echo: Any) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "a" * 22 + "=="}
    with gateway.client("buyer") as client:
        assert client.get(PATH, headers=headers).status_code == 200
    assert not {"upgrade", "connection"} & {name for name, _ in fresh_echo.last()["headers"]}


def test_an_upgrade_that_is_none_is_an_ordinary_request(ws_gateway: Any, service: Service, wire: Any) -> None:
    service.status = 404
    for headers in (("Upgrade: websocket",), ("Connection: upgrade", "Upgrade: h2c"), ("Connection: upgrade",)):
        assert wire(ws_gateway).ask(PATH, *headers).status == 404, headers


@pytest.mark.parametrize("status", [200, 404])
def test_a_service_that_opens_none_is_a_502(status: int, open_socket: Any, service: Service) -> None:
    service.status = status
    with pytest.raises(InvalidStatus) as refused:
        open_socket()
    assert refused.value.response.status_code == 502
    assert json.loads(refused.value.response.body)["code"] == "upgrade_refused"


def test_a_service_that_is_down_is_a_503(open_socket: Any, service: Service) -> None:
    service.server.shutdown()
    with pytest.raises(InvalidStatus) as refused:
        open_socket()
    assert refused.value.response.status_code == 503


def test_a_revoked_session_ends_its_sockets(open_socket: Any, ws_gateway: Any) -> None:
    token = ws_gateway.login("buyer@example.com", "an unguessable sentence").json()["access_token"]
    opened = open_socket(None, headers={"Authorization": f"Bearer {token}"})
    with ws_gateway.client(Authorization=f"Bearer {token}") as client:
        assert client.post("/api/v1/auth/logout").status_code in {200, 204}
    began = time.monotonic()
    with pytest.raises(ConnectionClosed) as closed:
        opened.recv(timeout=10)
    assert time.monotonic() - began < 7.5
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_a_reader_who_stops_holds_up_the_service_not_the_memory(open_socket: Any, service: Service) -> None:
    opened = open_socket(compression=None, max_queue=1)
    opened.send("flood 60")
    time.sleep(1.0)
    assert service.sent < 30
    for _ in range(60):
        assert len(opened.recv(timeout=10)) == MIB


def test_a_caller_who_vanishes_ends_the_services_side(open_socket: Any, service: Service) -> None:
    opened = open_socket()
    opened.socket.shutdown(socket.SHUT_RDWR)
    until = time.monotonic() + 5
    while not service.closed_with and time.monotonic() < until:
        time.sleep(0.02)
    assert service.closed_with == [None]
