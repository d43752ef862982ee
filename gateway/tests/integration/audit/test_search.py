"""Searching the trail: what is found, in which order, and that the indexes are used for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql

from gateway.audit.domain.entries import Actor, Entry, Origin, Search, words_of
from gateway.audit.repository import search_query

ANNA = Actor("user", "8f14e45f-ceea-467f-a2d4-6b1a2c3d4e5f", "Anna.Petrova@example.com")
IVAN = Actor("service", "data", "data")


@pytest.fixture
async def filled(trail: Any) -> Any:
    await trail.audit.record(
        Entry("user.created", True, Origin("192.0.2.1", "r1"), ANNA, "user:1"),
        Entry("user.changed", True, Origin("192.0.2.1", "r2"), ANNA, "user:2"),
        Entry("login.failed", False, Origin("192.0.2.2", "r3"), None, "email:ivan@example.com"),
        Entry("user_group.created", True, Origin("192.0.2.2", "r4"), IVAN, "GET /api/v1/users"),
    )
    return trail


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (Search(), [4, 3, 2, 1]),
        (Search(action="user.created"), [1]),
        (Search(action="user.*"), [2, 1]),
        (Search(action="use.*"), []),
        (Search(actor_id="data"), [4]),
        (Search(actor="anna.petrova@EXAMPLE.com"), [2, 1]),
        (Search(target="user:2"), [2]),
        (Search(succeeded=False), [3]),
        (Search(succeeded=True, action="user.*"), [2, 1]),
        (Search(address="192.0.2.2"), [4, 3]),
        (Search(request_id="r3"), [3]),
        (Search(words=words_of("petro")), [2, 1]),
        (Search(words=words_of("Example.COM ivan")), [3]),
        (Search(words=words_of("/api/v1/us")), [4]),
        (Search(words=words_of("'); DROP TABLE x; --")), []),
        (Search(words=words_of("a' | b:* & ! \\ <-> ")), []),
        (Search(start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2021, 1, 1, tzinfo=UTC)), []),
        (Search(start=datetime.now(UTC) - timedelta(hours=1)), [4, 3, 2, 1]),
    ],
)
async def test_what_is_asked_for_is_found_newest_first(filled: Any, search: Search, found: list[int]) -> None:
    links = await filled.audit.list_page(search, before=None, limit=10)
    assert [link.sequence for link in links] == found


async def test_a_period_includes_its_start_and_not_its_end(filled: Any) -> None:
    links = await filled.audit.list_page(Search(), before=None, limit=10)
    second, third = links[2].occurred_at, links[1].occurred_at
    found = await filled.audit.list_page(Search(start=second, end=third), before=None, limit=10)
    assert [link.sequence for link in found] == [2]


async def test_pages_continue_where_the_one_before_ended_also_over_days(filled: Any) -> None:
    await filled.backdate(1)
    await filled.audit.record(*(Entry("user.changed", True, Origin("", None)) for _ in range(3)))
    seen: list[tuple[int, int]] = []
    before = None
    while links := await filled.audit.list_page(Search(), before=before, limit=2):
        seen += [(link.day.toordinal(), link.sequence) for link in links]
        before = (links[-1].day, links[-1].sequence)
    assert [sequence for _, sequence in seen] == [3, 2, 1, 4, 3, 2, 1]
    assert seen == sorted(seen, reverse=True)


MANY = """
    INSERT INTO gateway.audit_entries
        (id, occurred_at, action, succeeded, actor_kind, actor_id, actor_name, target, address, request_id, details,
         day, sequence, previous_hash, hash)
    SELECT gen_random_uuid(), '2026-01-01Z'::timestamptz + n * interval '1 minute', 'noun' || n % 60 || '.changed', n % 50 <> 0,
        'user', 'id-' || n % 500, 'person' || n % 500 || '@example.com', 'user:' || n % 4000, '192.0.2.' || n % 250,
        'request-' || n, '{}', date '2026-01-01' + n / 1440, n % 1440 + 1, '', ''
    FROM generate_series(0, 39999) n
"""


@pytest.fixture(scope="module")
def searches() -> dict[str, tuple[Search, tuple[str, ...]]]:
    start = datetime(2026, 1, 10, tzinfo=UTC)
    return {
        "newest": (Search(), ("uq_audit_entries_day_sequence",)),
        "action": (Search(action="noun7.changed"), ("ix_audit_entries_action",)),
        "noun": (Search(action="noun7.*"), ("ix_audit_entries_noun",)),
        "actor id": (Search(actor_id="id-77"), ("ix_audit_entries_actor_id",)),
        "actor": (Search(actor="Person77@example.com"), ("ix_audit_entries_actor_name",)),
        "target": (Search(target="user:77"), ("ix_audit_entries_target",)),
        "address": (Search(address="192.0.2.77"), ("ix_audit_entries_address",)),
        "request": (Search(request_id="request-77"), ("ix_audit_entries_request_id",)),
        "failed": (Search(succeeded=False), ("ix_audit_entries_failed", "uq_audit_entries_day_sequence")),
        "period": (Search(start=start, end=start + timedelta(hours=3)), ("uq_audit_entries_day_sequence",)),
        "words": (Search(words=("person77",)), ("ix_audit_entries_words",)),
    }


async def test_every_search_uses_an_index(trail: Any, searches: Any) -> None:
    await trail.tamper(MANY, "ANALYZE gateway.audit_entries")
    for name, (search, indexes) in searches.items():
        statement = search_query(search, None, 101).compile(
            dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}
        )
        plan = "\n".join(row[0] for row in await trail.fetch(f"EXPLAIN {statement}"))
        assert any(index in plan for index in indexes), f"{name}\n{plan}"
        assert "Seq Scan" not in plan, f"{name}\n{plan}"
