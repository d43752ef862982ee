"""Answers kept for seconds."""

import asyncio

import pytest

from gateway.authentication.service import freshness
from gateway.authentication.service.freshness import FreshCache, Unknown


class Source:
    """Counts lookups; answers what it is set to, after a moment."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: str | None = "a"
        self.failure: Exception | None = None

    async def load(self, _key: str) -> str | None:
        self.calls += 1
        await asyncio.sleep(0.01)
        if self.failure is not None:
            raise self.failure
        return self.answer


async def test_many_askers_at_once_cost_one_lookup() -> None:
    source = Source()
    cache: FreshCache[str, str | None] = FreshCache(source.load)
    assert await asyncio.gather(*(cache.get("k") for _ in range(50))) == ["a"] * 50
    assert source.calls == 1


async def test_none_is_an_answer_and_is_kept_too() -> None:
    source = Source()
    source.answer = None
    cache: FreshCache[str, str | None] = FreshCache(source.load)
    assert isinstance(cache.peek("k"), Unknown)
    assert await cache.get("k") is None
    assert cache.peek("k") is None
    assert source.calls == 1


async def test_an_ageing_answer_is_used_and_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "AGEING_SECONDS", 0.05)
    source = Source()
    cache: FreshCache[str, str | None] = FreshCache(source.load)
    await cache.get("k")
    await asyncio.sleep(0.06)
    source.answer = "b"
    assert cache.peek("k") == "a"
    await asyncio.sleep(0.03)
    assert cache.peek("k") == "b"
    assert source.calls == 2


async def test_an_old_answer_is_never_used_even_when_the_source_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "AGEING_SECONDS", 0.02)
    monkeypatch.setattr(freshness, "OLD_SECONDS", 0.06)
    source = Source()
    cache: FreshCache[str, str | None] = FreshCache(source.load)
    await cache.get("k")
    source.failure = OSError("away")
    await asyncio.sleep(0.03)
    assert cache.peek("k") == "a"
    await asyncio.sleep(0.06)
    with pytest.raises(OSError, match="away"):
        await cache.get("k")


async def test_an_asker_who_gives_up_does_not_spoil_it_for_the_others() -> None:
    source = Source()
    cache: FreshCache[str, str | None] = FreshCache(source.load)
    first, second = asyncio.create_task(cache.get("k")), asyncio.create_task(cache.get("k"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "a"


async def test_the_table_stays_bounded() -> None:
    cache: FreshCache[str, str | None] = FreshCache(Source().load, capacity=3)
    for number in range(10):
        await cache.get(str(number))
    assert [key for key in map(str, range(10)) if not isinstance(cache.peek(key), Unknown)] == ["7", "8", "9"]
