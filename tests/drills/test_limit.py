"""A thousand requests at the same moment, a limit of a hundred, three gateway processes: exactly a hundred pass."""

import asyncio
from collections import Counter

import pytest
from tests.attack.house import House
from tests.attack.recorder import Recorder
from tests.attack.wire import Address, Wire

REQUESTS, LIMIT = 1000, 100


@pytest.mark.timeout(120)
def test_exactly_the_limit_passes_over_three_processes(house: House, recorder: Recorder) -> None:
    house.write_routes({"read": f"{LIMIT}/3600"})
    # Exactness is a promise while Redis answers; on a busy machine it answers late, not never.
    gateways = [house.start(GATEWAY_LIMITER_TIMEOUT_SECONDS="10") for _ in range(3)]
    for gateway in gateways:
        gateway.wait_until_ready()
    token = house.token(gateways[0], "manager")
    before = recorder.total
    addresses = [Address.of(gateway.url) for gateway in gateways]
    statuses = asyncio.run(at_once(addresses, token), debug=False)
    assert statuses == {200: LIMIT, 429: REQUESTS - LIMIT}
    assert recorder.total - before == LIMIT


async def at_once(addresses: list[Address], token: str) -> Counter[int]:
    """All connections are open before the first request goes out."""
    wires = await asyncio.gather(*(Wire.open(addresses[number % 3]) for number in range(REQUESTS)))
    head = f"GET /api/v1/data/sales HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    await asyncio.gather(*(wire.send(head) for wire in wires))
    answers = await asyncio.gather(*(wire.read(1, seconds=60, quiet=0.01) for wire in wires))
    for wire in wires:
        wire.close()
    return Counter(status for answer in answers for status in answer.statuses)
