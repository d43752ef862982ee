"""Rolling restarts under load: nginx in front of two gateways, one of them always away for a moment."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.attack.house import GatewayProcess, House
from tests.drills.load import Caller, Tally, fixed_rate
from tests.fixtures.nginx import Nginx, is_installed, running_nginx

RATE = 200.0
RESTARTS = int(os.environ.get("DRILL_RESTARTS", "3"))


def requests(token: str, authority: str) -> list[bytes]:
    """Four reads and one write, as on a working day."""
    head = f"Host: {authority}\r\nAuthorization: Bearer {token}\r\n"
    read = f"GET /api/v1/data/sales HTTP/1.1\r\n{head}\r\n".encode()
    body = b'{"supplier": "S1", "lines": []}'
    write = f"POST /api/v1/data/purchase-orders HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return [read, read, write, read, read]


async def restart_each(gateways: list[GatewayProcess], start: Callable[[int], GatewayProcess]) -> None:
    """As an orchestrator does: one at a time, the next when the new one says that it is ready."""
    for number in range(RESTARTS):
        place = number % len(gateways)
        old = gateways[place]
        await asyncio.sleep(1.0)
        code = await asyncio.to_thread(old.stop)
        assert code in {0, -signal.SIGTERM}, f"exit code {code}: {old.log.read_text()[-2000:]}"
        gateways[place] = start(old.port)
        await asyncio.to_thread(gateways[place].wait_until_ready)
    await asyncio.sleep(1.0)


def behind_nginx() -> dict[str, str]:
    return {"GATEWAY_TRUSTED_PROXY_COUNT": "1"}


async def drill(house: House, folder: Path) -> tuple[Tally, float]:
    gateways = [house.start(**behind_nginx()) for _ in range(2)]
    for gateway in gateways:
        await asyncio.to_thread(gateway.wait_until_ready)
    token = await asyncio.to_thread(house.token, gateways[0], "buyer")
    addresses = " ".join(f"127.0.0.1:{gateway.port}" for gateway in gateways)
    async with running_nginx(folder, NGINX_GATEWAY=addresses) as nginx:
        return await _under_load(nginx, gateways, house, token)


async def _under_load(nginx: Nginx, gateways: list[GatewayProcess], house: House, token: str) -> tuple[Tally, float]:
    authority = nginx.url.removeprefix("http://")
    host, port = authority.split(":")
    # Several addresses, as nginx lets one hold a hundred connections only.
    callers = [Caller(host, int(port), f"127.0.0.{number}") for number in range(2, 9)]
    stop, began = asyncio.Event(), time.monotonic()
    load = asyncio.create_task(fixed_rate(callers, requests(token, authority), RATE, stop))
    try:
        await restart_each(gateways, lambda place: house.start(port=place, **behind_nginx()))
    finally:
        stop.set()
        tally = await load
    return tally, time.monotonic() - began


def _errors(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if "refused" not in line][-10:]


@pytest.mark.timeout(240)
def test_no_request_fails_while_gateways_are_restarted(house: House, recorder: Any, tmp_path: Path) -> None:
    if not is_installed():
        pytest.skip("nginx is not installed (Debian package nginx-light)")
    tally, seconds = asyncio.run(drill(house, tmp_path), debug=False)
    figures = {
        "requests": tally.requests,
        "failed": tally.failed,
        "restarts": RESTARTS,
        "p99_ms": tally.p99_ms(),
        "rate": round(tally.requests / seconds),
    }
    print(json.dumps(figures))
    assert tally.failed == 0, (dict(tally.failures), _errors(tmp_path / "error.log"))
    assert tally.requests >= RATE * seconds * 0.9, "the load was not what it should have been"
