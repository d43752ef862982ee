"""The sender never exceeds Telegram's limits, and uses what they allow."""

import heapq
import random

import pytest
from tests.fakes.telegram_limits import FloodLimits

from notification_service.telegram.domain.pace import SendingPace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> SendingPace:
    return SendingPace(clock)


def send(pace: SendingPace, address: str) -> None:
    with pace.sending(address):
        pass


def test_one_chat_gets_one_message_a_second(clock: Clock, pace: SendingPace) -> None:
    send(pace, "7")
    assert pace.resting() == ["7"]
    assert pace.next_opening() is not None
    clock.now += 1.01
    assert pace.resting() == []
    assert pace.next_opening() is None


def test_a_message_under_way_occupies_its_chat_and_its_place_until_a_second_after_its_answer(
    clock: Clock, pace: SendingPace
) -> None:
    with pace.sending("7"):
        clock.now += 5
        assert pace.resting() == ["7"]
        assert pace.room() == 29
    clock.now += 0.9
    assert (pace.resting(), pace.room()) == (["7"], 29)
    clock.now += 0.2
    assert (pace.resting(), pace.room()) == ([], 30)


def test_thirty_messages_a_second_go_out_in_all(clock: Clock, pace: SendingPace) -> None:
    for chat in range(30):
        send(pace, str(chat))
    assert pace.room() == 0
    clock.now += 1.01
    assert pace.room() == 30


def test_a_group_gets_twenty_messages_a_minute(clock: Clock, pace: SendingPace) -> None:
    for _ in range(20):
        assert pace.resting() == []
        send(pace, "-100500")
        clock.now += 1.1
    assert pace.resting() == ["-100500"]
    clock.now += 60.2 - 22
    assert pace.resting() == []


def test_after_a_429_nothing_is_sent_until_its_time_is_over(clock: Clock, pace: SendingPace) -> None:
    pace.stop(7)
    assert pace.room() == 0
    assert pace.next_opening() == 7
    clock.now += 7.01
    assert pace.room() == 30


@pytest.mark.parametrize(("slowest", "least"), [(0.0, 29 * 58), (0.1, 26 * 58), (3.0, 400)])
def test_a_server_that_enforces_the_limits_never_has_to_refuse_however_uneven_the_way(
    clock: Clock, pace: SendingPace, slowest: float, least: int
) -> None:
    """A minute in small steps: each message arrives and is answered at random moments after its start."""
    limits = FloodLimits(clock, enforced=True)
    dice = random.Random(7)
    waiting = [chat for _ in range(40) for chat in [*map(str, range(1, 90)), "-5", "-6"]]
    events: list[tuple[float, int, str, object]] = []
    began, accepted, number = clock.now, 0, 0
    while clock.now < began + 60:
        while events and events[0][0] <= clock.now:
            _, _, chat, answered = heapq.heappop(events)
            if answered is None:
                assert limits.check(int(chat)) == 0
                accepted += 1
            else:
                answered.__exit__(None, None, None)  # type: ignore[attr-defined]
        resting = set(pace.resting())
        ready = list(dict.fromkeys(chat for chat in waiting[:300] if chat not in resting))[: pace.room()]
        for chat in ready:
            waiting.remove(chat)
            under_way = pace.sending(chat)
            under_way.__enter__()
            arrives = clock.now + dice.uniform(0, slowest)
            number += 1
            heapq.heappush(events, (arrives, number, chat, None))
            heapq.heappush(events, (arrives + dice.uniform(0, slowest), number + 10**6, chat, under_way))
        clock.now += 0.01
    assert limits.refused == 0
    assert accepted >= least


def test_chats_that_have_been_silent_are_forgotten(clock: Clock, pace: SendingPace) -> None:
    for chat in range(100):
        send(pace, str(chat))
    clock.now += 100
    pace.resting()
    assert pace._chats == {}
    assert not pace._under_way
