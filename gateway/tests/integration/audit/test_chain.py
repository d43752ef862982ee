"""The chain as it is written, and every way of tampering with it: each is named at its place."""

import asyncio
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from gateway.audit.domain.chain import GENESIS, Link
from gateway.audit.domain.entries import Entry, Origin, Search

HERE = Origin("192.0.2.7", "request-1")


async def write(trail: Any, count: int) -> list[Link]:
    """`count` entries, and all there are now, oldest first."""
    await trail.audit.record(
        *(Entry("user.created", True, HERE, target=f"user:{n}", details={"n": n, "r": ["ops"]}) for n in range(count))
    )
    return list(reversed(await trail.audit.list_page(Search(), before=None, limit=1000)))


async def first_broken(trail: Any) -> tuple[Any, int, str]:
    found = (await trail.verify()).first_broken
    assert found is not None
    return found.id, found.sequence, found.reason


async def test_entries_are_numbered_from_one_and_each_follows_the_one_before(trail: Any) -> None:
    links = await write(trail, 5)
    assert [link.sequence for link in links] == [1, 2, 3, 4, 5]
    assert [link.previous_hash for link in links] == [GENESIS, *(link.hash for link in links[:-1])]
    assert [link.computed_hash() for link in links] == [link.hash for link in links]
    result = await trail.verify()
    assert (result.days, result.entries, result.intact) == (1, 5, True)


async def test_many_writers_on_several_replicas_leave_no_gap_and_no_fork(trail: Any) -> None:
    async def writer(number: int) -> None:
        for turn in range(15):
            async with trail.database.unit_of_work() as work:
                await trail.audit.add(work, Entry("user.changed", True, HERE, target=f"{number}:{turn}"))
                if turn % 3:
                    await work.commit()

    await asyncio.gather(*(writer(number) for number in range(8)))
    result = await trail.verify()
    assert (result.entries, result.intact) == (80, True)


async def test_an_entry_is_there_only_when_what_it_tells_about_is(trail: Any) -> None:
    async with trail.database.unit_of_work() as work:
        await trail.audit.add(work, Entry("user.created", True, HERE))
    (kept,) = await write(trail, 1)
    assert kept.sequence == 1


async def test_the_first_entry_of_a_day_follows_the_last_of_the_last_day_that_had_any(trail: Any) -> None:
    last = (await write(trail, 3))[-1]
    await trail.backdate(4)
    links = await write(trail, 2)
    assert [(link.sequence, (link.day - links[0].day).days) for link in links] == [
        (1, 0),
        (2, 0),
        (3, 0),
        (1, 4),
        (2, 4),
    ]
    assert links[3].previous_hash == links[2].hash != last.hash
    result = await trail.verify()
    assert (result.days, result.entries, result.intact) == (2, 5, True)


async def test_a_period_can_be_verified_alone(trail: Any) -> None:
    await write(trail, 3)
    await trail.backdate(2)
    last = (await write(trail, 2))[-1]
    result = await trail.audit.verify(last.day, last.day, origin=HERE)
    assert (result.days, result.entries, result.intact) == (1, 2, True)


@pytest.mark.parametrize(
    "change",
    [
        "action = 'user.deleted'",
        "succeeded = NOT succeeded",
        "actor_kind = 'service'",
        "actor_id = ''",
        "actor_name = 'somebody'",
        "acting_service = 'data'",
        "target = target || ' '",
        "address = '198.51.100.1'",
        "request_id = NULL",
        "details = details || '{\"n\": 20}'",
        "details = details - 'n'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "previous_hash = sha256(previous_hash)",
        "hash = sha256(hash)",
        "id = gen_random_uuid()",
        # A value moved to the next column: the same text, another meaning.
        "target = '', address = target || address",
    ],
)
async def test_a_changed_column_names_the_entry(trail: Any, change: str) -> None:
    links = await write(trail, 6)
    await trail.tamper(f"UPDATE gateway.audit_entries SET {change} WHERE sequence = 3")
    broken, sequence, reason = await first_broken(trail)
    assert (sequence, reason) == (3, "entry_changed")
    assert broken == links[2].id or change.startswith("id")


async def test_an_entry_moved_to_another_number_is_named(trail: Any) -> None:
    links = await write(trail, 6)
    await trail.tamper("UPDATE gateway.audit_entries SET sequence = 60 WHERE sequence = 6")
    assert await first_broken(trail) == (None, 6, "entry_missing")
    await trail.tamper("UPDATE gateway.audit_entries SET sequence = 0 WHERE sequence = 1")
    assert await first_broken(trail) == (links[0].id, 0, "sequence_repeated")


async def test_an_entry_moved_to_another_day_is_named(trail: Any) -> None:
    links = await write(trail, 4)
    await trail.tamper("UPDATE gateway.audit_entries SET day = day - 1 WHERE sequence = 1")
    assert await first_broken(trail) == (links[0].id, 1, "day_unknown")


async def test_a_rewritten_entry_with_a_right_hash_is_named_by_the_one_after_it(trail: Any) -> None:
    links = await write(trail, 6)
    await trail.tamper(
        "UPDATE gateway.audit_entries SET action = 'user.deleted' WHERE sequence = 3",
        "UPDATE gateway.audit_entries e SET hash = gateway.audit_entry_hash(e) WHERE sequence = 3",
    )
    assert await first_broken(trail) == (links[2].id, 3, "entry_replaced")


async def test_a_rewritten_last_entry_is_named_by_the_head(trail: Any) -> None:
    await write(trail, 6)
    await trail.tamper(
        "UPDATE gateway.audit_entries SET action = 'user.deleted' WHERE sequence = 6",
        "UPDATE gateway.audit_entries e SET hash = gateway.audit_entry_hash(e) WHERE sequence = 6",
    )
    assert await first_broken(trail) == (None, 6, "head_changed")


async def test_a_removed_entry_in_the_middle_is_named(trail: Any) -> None:
    await write(trail, 6)
    await trail.tamper("DELETE FROM gateway.audit_entries WHERE sequence = 4")
    assert await first_broken(trail) == (None, 4, "entry_missing")


async def test_removed_newest_entries_are_named(trail: Any) -> None:
    await write(trail, 6)
    await trail.tamper("DELETE FROM gateway.audit_entries WHERE sequence > 4")
    assert await first_broken(trail) == (None, 5, "entry_missing")


async def test_removed_newest_entries_are_named_by_a_seal_when_the_head_was_changed_too(trail: Any) -> None:
    links = await write(trail, 6)
    assert await trail.sealer.seal() == 1
    await trail.tamper(
        "DELETE FROM gateway.audit_entries WHERE sequence > 4",
        f"UPDATE gateway.audit_head SET entries = 4, last_hash = '\\x{links[3].hash.hex()}'",
    )
    assert await first_broken(trail) == (None, 5, "entry_missing")


async def test_a_trail_emptied_altogether_is_named_by_its_seals(trail: Any) -> None:
    await write(trail, 3)
    await trail.sealer.seal()
    await trail.tamper("TRUNCATE gateway.audit_entries", "UPDATE gateway.audit_head SET entries = 0")
    assert await first_broken(trail) == (None, 1, "entry_missing")


async def test_two_entries_that_changed_places_are_named(trail: Any) -> None:
    links = await write(trail, 6)
    await trail.tamper(
        "UPDATE gateway.audit_entries SET sequence = 100 WHERE sequence = 2",
        "UPDATE gateway.audit_entries SET sequence = 2 WHERE sequence = 5",
        "UPDATE gateway.audit_entries SET sequence = 5 WHERE sequence = 100",
    )
    assert await first_broken(trail) == (links[4].id, 2, "entry_changed")


FORGED = """
    INSERT INTO gateway.audit_entries (id, action, succeeded, address, details, occurred_at, day, sequence, previous_hash, hash)
    SELECT '01890000-0000-7000-8000-000000000001', 'user.created', true, '', '{}', occurred_at, day, sequence + 1, hash, hash
    FROM gateway.audit_entries ORDER BY day DESC, sequence DESC LIMIT 1
"""
FORGED_ID = "01890000-0000-7000-8000-000000000001"
RIGHT_HASH = f"UPDATE gateway.audit_entries e SET hash = gateway.audit_entry_hash(e) WHERE id = '{FORGED_ID}'"


async def test_a_forged_entry_at_the_end_is_named(trail: Any) -> None:
    await write(trail, 4)
    await trail.tamper(FORGED, RIGHT_HASH)
    broken, sequence, reason = await first_broken(trail)
    assert (str(broken), sequence, reason) == (FORGED_ID, 5, "entry_added")


async def test_a_forged_entry_in_the_middle_is_named(trail: Any) -> None:
    links = await write(trail, 4)
    await trail.tamper(
        "UPDATE gateway.audit_entries SET sequence = sequence + 101 WHERE sequence > 2",
        FORGED,
        f"UPDATE gateway.audit_entries SET sequence = 3, previous_hash = '\\x{links[1].hash.hex()}' WHERE id = '{FORGED_ID}'",
        "UPDATE gateway.audit_entries SET sequence = sequence - 100 WHERE sequence > 100",
        RIGHT_HASH,
    )
    # The forged one fits to its neighbour; the next one was not written after it, nor under this number.
    assert await first_broken(trail) == (links[2].id, 4, "entry_changed")


async def test_a_forged_day_is_named(trail: Any) -> None:
    await write(trail, 2)
    await trail.tamper(
        FORGED, f"UPDATE gateway.audit_entries SET day = day + 1, sequence = 1 WHERE id = '{FORGED_ID}'", RIGHT_HASH
    )
    broken, sequence, reason = await first_broken(trail)
    assert (str(broken), sequence, reason) == (FORGED_ID, 1, "day_unknown")


async def test_a_changed_head_is_told_from_an_added_entry_by_a_seal(trail: Any) -> None:
    links = await write(trail, 4)
    set_back = f"UPDATE gateway.audit_head SET entries = 3, last_hash = '\\x{links[2].hash.hex()}'"
    await trail.sealer.seal()
    await trail.tamper(set_back)
    assert await first_broken(trail) == (links[3].id, 4, "head_changed")


async def test_a_head_with_another_hash_is_named(trail: Any) -> None:
    await write(trail, 4)
    await trail.tamper("UPDATE gateway.audit_head SET last_hash = sha256('x')")
    assert await first_broken(trail) == (None, 4, "head_changed")


async def test_a_removed_day_is_named_at_the_next_one(trail: Any) -> None:
    await write(trail, 3)
    await trail.backdate(2)
    links = await write(trail, 2)
    await trail.tamper(
        "DELETE FROM gateway.audit_entries WHERE day < current_date - 1", "DELETE FROM gateway.audit_days"
    )
    assert await first_broken(trail) == (links[3].id, 1, "days_before_changed")


async def test_a_whole_day_written_anew_is_named_by_its_seal(trail: Any) -> None:
    """All hashes, the head and the days right: only the signature cannot be made."""
    links = await write(trail, 4)
    await trail.sealer.seal()
    await trail.tamper("UPDATE gateway.audit_entries SET action = 'user.deleted' WHERE sequence = 2")
    await trail.backdate(0)
    assert await first_broken(trail) == (links[3].id, 4, "seal_differs")


async def test_a_seal_signed_by_another_key_is_named(trail: Any) -> None:
    await write(trail, 2)
    await trail.sealer.seal()
    forger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    await trail.tamper(f"UPDATE gateway.audit_keys SET public_key = '\\x{forger.hex()}'")
    assert await first_broken(trail) == (None, 2, "seal_forged")


async def test_seals_of_a_key_that_was_replaced_are_still_verified(trail: Any) -> None:
    await write(trail, 2)
    assert await trail.sealer.seal() == 1
    trail.keys.current = (Ed25519PrivateKey.generate(),)
    await write(trail, 2)
    assert await trail.sealer.seal() == 1
    assert await trail.sealer.seal() == 0
    result = await trail.verify()
    assert (result.seals, result.intact) == (2, True)
    assert len(await trail.fetch("SELECT FROM gateway.audit_keys")) == 2


async def test_each_verification_leaves_its_result_in_the_trail(trail: Any) -> None:
    assert await trail.audit.verified_at() is None
    await write(trail, 1)
    await trail.verify()
    assert await trail.audit.verified_at() is not None
    await trail.tamper("UPDATE gateway.audit_entries SET action = 'x' WHERE sequence = 1")
    await trail.verify()
    (newest,) = await trail.audit.list_page(Search(action="audit.verified"), before=None, limit=1)
    assert not newest.succeeded
    assert '"reason": "entry_changed"' in newest.details


@pytest.mark.parametrize("table", ["audit_entries", "audit_seals", "audit_keys", "audit_head", "audit_days"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gateway.{} SET {column} = {column}",
        "DELETE FROM gateway.{}",
        "TRUNCATE gateway.{}",
        "DROP TABLE gateway.{} CASCADE",
        "ALTER TABLE gateway.{} DISABLE TRIGGER ALL",
        "ALTER TABLE gateway.{} RENAME TO gone",
        "ALTER TABLE gateway.{} OWNER TO procurement_gateway",
        "CREATE TRIGGER t BEFORE INSERT ON gateway.{} FOR EACH ROW EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()",
    ],
)
async def test_the_service_may_not_change_what_it_wrote(trail: Any, table: str, statement: str) -> None:
    column = "key_id" if table == "audit_keys" else "day"
    connection = await asyncpg.connect(trail.url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(table, column=column))
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER audit_entries_append_only ON gateway.audit_entries",
        "DROP TRIGGER audit_entries_chain ON gateway.audit_entries",
        "DROP FUNCTION gateway.chain_audit_entry() CASCADE",
        "CREATE OR REPLACE FUNCTION gateway.chain_audit_entry() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE OR REPLACE FUNCTION gateway.audit_field(value text) RETURNS text LANGUAGE sql RETURN ''",
        "DROP SCHEMA gateway CASCADE",
        "ALTER SCHEMA gateway RENAME TO gone",
        "SET session_replication_role = replica",
        "SET ROLE procurement_gateway_keeper",
        "INSERT INTO gateway.audit_head VALUES (2, now(), 0, '', now())",
    ],
)
async def test_the_service_may_not_take_the_chain_apart(trail: Any, statement: str) -> None:
    connection = await asyncpg.connect(trail.url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_tables_are_given_away_only_once(trail: Any) -> None:
    connection = await asyncpg.connect(trail.url)
    try:
        await connection.execute(
            "CREATE FUNCTION gateway.evil() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM gateway.audit_head'"
        )
        with pytest.raises(asyncpg.RaiseError, match="given away before"):
            await connection.execute("SELECT keeper.keep('gateway', '{}', '{}', '{evil}')")
        with pytest.raises(asyncpg.RaiseError, match="own schema"):
            await connection.execute("SELECT keeper.keep('data', '{}', '{}', '{}')")
    finally:
        await connection.close()


async def test_even_a_superuser_is_stopped_by_the_trigger(trail: Any) -> None:
    await write(trail, 1)
    for statement in ("UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(asyncpg.RaiseError, match="never changed or removed"):
            await trail.fetch(statement.format("gateway.audit_entries"))


async def test_numbers_hashes_and_times_given_by_the_writer_are_not_taken(trail: Any) -> None:
    connection = await asyncpg.connect(trail.url)
    try:
        await connection.execute(
            """
            INSERT INTO gateway.audit_entries
                (id, action, succeeded, address, details, occurred_at, day, sequence, previous_hash, hash)
            VALUES (gen_random_uuid(), 'a.b', true, '', '{}', '2001-01-01Z', '2001-01-01', 77, 'x', 'y')
            """
        )
        (kept,) = await trail.audit.list_page(Search(), before=None, limit=2)
        assert (kept.sequence, kept.occurred_at.year >= 2026, len(kept.hash)) == (1, True, 32)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                "INSERT INTO gateway.audit_entries (id, action, succeeded, address, details)"
                f" VALUES ('{kept.id}', 'a.b', true, '', '{{}}') ON CONFLICT DO NOTHING"
            )
    finally:
        await connection.close()
    assert (await trail.verify()).intact


async def test_a_seal_leaves_with_the_log_and_a_late_one_is_a_warning(trail: Any) -> None:
    await write(trail, 2)
    await trail.backdate(3)
    last = (await write(trail, 1))[-1]
    with capture_logs() as logged:
        assert await trail.sealer.seal() == 2
    late, today = [line for line in logged if line["event"] == "audit_day_sealed"]
    assert (late["log_level"], late["entries"], late["complete"]) == ("warning", 2, True)
    assert (today["log_level"], today["last_hash"], today["complete"]) == ("info", last.hash.hex(), False)
    assert set(today) >= {"day", "key_id", "signature"}
