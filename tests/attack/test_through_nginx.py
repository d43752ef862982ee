"""The same corpus with the real nginx in front of the real gateway: what it makes of a message must not open a door."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.attack.conftest import introduce
from tests.attack.corpus.families import FAMILIES, Surroundings
from tests.attack.corpus.tokens import Published
from tests.attack.house import GatewayProcess, House
from tests.attack.recorder import Recorder
from tests.attack.routes import Routes
from tests.attack.runner import Attack
from tests.attack.wire import Address
from tests.fixtures.nginx import is_installed, running_nginx, write_certificate

SHOWN = 25
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def gateway(house: House) -> GatewayProcess:
    if not is_installed():
        pytest.skip("nginx is not installed (Debian package nginx-light)")
    return house.started(GATEWAY_TRUSTED_PROXY_COUNT="1")


def addresses(gateway: GatewayProcess) -> dict[str, str]:
    return {"NGINX_GATEWAY": f"127.0.0.1:{gateway.port}", "NGINX_REQUESTS_PER_SECOND": "100000"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "paths"])
def test_nothing_gets_through_behind_nginx(
    family: str, gateway: GatewayProcess, house: House, recorder: Recorder, tmp_path: Path
) -> None:
    token = house.token(gateway, "buyer")
    jwks = httpx.get(f"{gateway.url}/.well-known/jwks.json", trust_env=False).json()
    given = Surroundings(Routes(), frozenset({"buyer"}), Published(jwks, token))

    async def run() -> Attack:
        async with running_nginx(tmp_path, **addresses(gateway)) as nginx:
            attack = Attack(Address.of(nginx.url), token, recorder, front=True, quiet=0.02)
            await attack.run(FAMILIES[family](given))
            return attack

    introduce(recorder, gateway.url, token)
    recorder.seen.clear()
    attack = asyncio.run(run(), debug=False)
    assert not attack.findings, f"{attack.figures()}\n" + "\n".join(map(str, attack.findings[:SHOWN]))


@pytest.mark.timeout(120)
def test_a_large_upload_grows_neither_nginx_nor_the_gateway(
    gateway: GatewayProcess, house: House, recorder: Recorder, tmp_path: Path
) -> None:
    token = house.token(gateway, "buyer")
    introduce(recorder, gateway.url, token)
    write_certificate(tmp_path / "certificates")
    most: dict[str, int] = {}

    async def run() -> int:
        async with running_nginx(tmp_path, **addresses(gateway), NGINX_TLS="on") as nginx:
            nginx_process = psutil.Process(nginx.process.pid)
            watched = {
                "gateway": [psutil.Process(gateway.process.pid)],
                "nginx": [nginx_process, *nginx_process.children()],
            }
            before = {name: sum(p.memory_info().rss for p in processes) for name, processes in watched.items()}

            async def pieces() -> Any:
                for _ in range(200):
                    yield bytes(MEBIBYTE)
                    for name, processes in watched.items():
                        grown = sum(p.memory_info().rss for p in processes) - before[name]
                        most[name] = max(most.get(name, 0), grown)

            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(verify=False, trust_env=False, timeout=60) as client:
                url = f"{nginx.tls_url}/api/v1/data/imports?kind=sales&filename=a.csv"
                return (await client.post(url, content=pieces(), headers=headers)).status_code

    assert asyncio.run(run(), debug=False) == 200
    assert most["nginx"] < 8 * MEBIBYTE
    assert most["gateway"] < 16 * MEBIBYTE
