import asyncio
import contextlib

import pytest

from shared.messaging import worker
from shared.messaging.worker import BackgroundTask, background


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(worker, "FIRST_RESTART_SECONDS", 0.01)
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.3)


async def test_a_task_that_fails_is_started_again_and_the_others_do_not_notice():
    starts, restarted, ticking = [], asyncio.Event(), asyncio.Event()

    async def fail():
        starts.append(1)
        if len(starts) == 3:
            restarted.set()
        raise RuntimeError("broken")

    async def tick():
        await restarted.wait()
        ticking.set()

    async with asyncio.timeout(5), background([BackgroundTask("fail", fail), BackgroundTask("tick", tick)]):
        await restarted.wait()
        await ticking.wait()


async def test_a_task_that_is_done_is_not_started_again():
    starts = []

    async def once():
        starts.append(1)

    async with background([BackgroundTask("once", once)]):
        await asyncio.sleep(0.05)
    assert starts == [1]


async def test_at_the_end_everything_has_stopped_and_could_clean_up():
    cleaned = []

    async def run():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.02)
            cleaned.append(1)

    async with background([BackgroundTask("one", run), BackgroundTask("two", run)]):
        await asyncio.sleep(0)
    assert cleaned == [1, 1]


async def test_a_failing_block_stops_the_tasks_and_is_not_hidden():
    stopped = asyncio.Event()

    async def run():
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def block():
        async with background([BackgroundTask("run", run)]):
            await asyncio.sleep(0)
            raise KeyError

    with pytest.raises(KeyError):
        await block()
    assert stopped.is_set()


async def test_a_task_that_does_not_stop_cannot_hold_the_process():
    release = asyncio.Event()

    async def stubborn():
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    async with asyncio.timeout(5):
        async with background([BackgroundTask("stubborn", stubborn)]):
            await asyncio.sleep(0)
    release.set()
    await asyncio.sleep(0.05)
