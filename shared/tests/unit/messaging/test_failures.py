import asyncio
from itertools import islice

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from shared.messaging.failures import REASON_LENGTH, OutageLog, backoff, describe, is_cancelled, lost_its_connection
from shared.observability.logging import get_logger


def wrapped(cause: BaseException) -> Exception:
    try:
        raise RuntimeError("handler") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.AdminShutdownError("restart"),
        asyncpg.InterfaceError("connection is closed"),
        OperationalError("SELECT 1", {}, ConnectionRefusedError(), connection_invalidated=True),
        wrapped(asyncpg.CannotConnectNowError("starting up")),
    ],
)
def test_a_broken_database_session_is_recognised_wherever_it_stands_in_the_chain(error):
    assert lost_its_connection(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad number"),
        FileNotFoundError("x"),
        IntegrityError("INSERT", {}, asyncpg.UniqueViolationError("twice")),
        wrapped(asyncpg.DeadlockDetectedError("deadlock")),
    ],
)
def test_what_the_message_itself_causes_is_not_taken_for_a_broken_session(error):
    assert not lost_its_connection(error)


def test_a_chain_that_leads_back_to_itself_ends():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not lost_its_connection(first)


def test_descriptions_hide_secrets_and_are_bounded():
    text = describe(ValueError("no answer from amqp://user:secret@host/ " + "x" * 5000))
    assert text.startswith("ValueError: no answer from amqp://user:***@host/")
    assert len(text) == REASON_LENGTH


def test_backoff_doubles_up_to_its_longest():
    assert list(islice(backoff(0.5, 3), 5)) == [0.5, 1, 2, 3, 3]


def test_an_outage_is_reported_once_in_a_while_not_at_every_try():
    with capture_logs() as logs:
        outages = OutageLog(get_logger("test"), transport="x")
        for _ in range(10):
            outages.note(OSError("away"))
    assert [(entry["event"], entry["error"]) for entry in logs] == [("transport_away", "OSError: away")]


async def test_a_swallowed_cancellation_is_still_known():
    async def swallow() -> bool:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            return is_cancelled()
        return False

    task = asyncio.create_task(swallow())
    await asyncio.sleep(0)
    task.cancel()
    assert await task
    assert not is_cancelled()
