"""The layer in memory stays within its bounds, and the tags say what must go."""

from typing import Any

from gateway.proxy.adapters.memory_layer import MemoryLayer
from gateway.proxy.domain.caching import CacheKey, StoredResponse
from gateway.proxy.domain.invalidation import tags_of_answer, tags_of_catalogue, tags_of_event, tags_of_write


def answer(size: int) -> StoredResponse:
    values: dict[str, Any] = {"lifetime": 5, "stale_seconds": 0, "error_seconds": 0, "generation": "0"}
    return StoredResponse(kept=(), body=b"x" * size, etag=b'"1"', has_own_etag=True, made_at=0.0, **values)


def key(number: int) -> CacheKey:
    return "user", b"/%d" % number, ()


def test_the_least_recently_used_goes_first() -> None:
    memory = MemoryLayer(100_000)
    for number in range(9):
        memory.put(key(number), answer(9000), ())
    assert memory.get(key(0)) is not None
    memory.put(key(9), answer(9000), ())
    memory.put(key(10), answer(9000), ())
    assert memory.get(key(0)) is not None
    assert memory.get(key(1)) is None
    assert memory.bytes <= 100_000


def test_bytes_are_counted_through_replacing_and_dropping() -> None:
    memory = MemoryLayer(1_000_000)
    for _ in range(3):
        memory.put(key(1), answer(1000), ("a",))
    assert memory.bytes == answer(1000).size
    memory.drop({"a"})
    assert (memory.bytes, len(memory)) == (0, 0)


def test_one_that_would_push_out_too_many_is_not_taken() -> None:
    memory = MemoryLayer(100_000)
    memory.put(key(1), answer(10), ())
    memory.put(key(1), answer(20_000), ())
    assert memory.get(key(1)) is None
    assert memory.bytes == 0


def test_the_number_is_bounded_too() -> None:
    memory = MemoryLayer(10_000_000, max_entries=5)
    for number in range(20):
        memory.put(key(number), answer(1), ())
    assert len(memory) == 5


def test_only_what_is_made_of_the_tag_is_dropped() -> None:
    memory = MemoryLayer(1_000_000)
    memory.put(key(1), answer(1), tags_of_answer("data", ("products",)))
    memory.put(key(2), answer(1), tags_of_answer("data", ("suppliers",)))
    memory.put(key(3), answer(1), tags_of_answer("forecast", ("plans",)))
    memory.drop(set(tags_of_event("forecast.recommendations.published.v1")))
    assert [memory.get(key(number)) is not None for number in (1, 2, 3)] == [True, True, False]
    memory.drop(set(tags_of_write("data", ("products",))))
    assert [memory.get(key(number)) is not None for number in (1, 2)] == [False, True]
    memory.drop(set(tags_of_write("data", ())))
    assert memory.get(key(2)) is None


def test_an_event_nobody_thought_of_counts_as_a_change_of_everything_its_service_tells() -> None:
    assert tags_of_event("data.something.new.v3") == ("service.data",)
    assert tags_of_catalogue(["products", "suppliers"]) == ("products", "suppliers")
    assert tags_of_catalogue(["products", "brands"]) == ("service.data",)
