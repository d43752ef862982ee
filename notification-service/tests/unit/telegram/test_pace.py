"""The sender never exceeds Telegram's limits, and uses what they allow."""

from tests.fakes.telegram_limits import FloodLimits

from notification_service.telegram.domain.pace import SendingPace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_one_chat_gets_one_message_a_second() -> None:
    clock = Clock()
    pace = SendingPace(clock)
    pace.sent("7")
    assert pace.resting() == ["7"]
    assert pace.next_opening() is not None
    clock.now += 1.06
    assert pace.resting() == []
    assert pace.next_opening() is None


def test_thirty_messages_a_second_go_out_in_all() -> None:
    clock = Clock()
    pace = SendingPace(clock)
    for chat in range(30):
        pace.sent(str(chat))
    assert pace.room() == 0
    clock.now += 1.06
    assert pace.room() == 30


def test_a_group_gets_twenty_messages_a_minute() -> None:
    clock = Clock()
    pace = SendingPace(clock)
    for _ in range(20):
        assert pace.resting() == []
        pace.sent("-100500")
        clock.now += 1.1
    assert pace.resting() == ["-100500"]
    clock.now += 63 - 22
    assert pace.resting() == []


def test_after_a_429_nothing_is_sent_until_its_time_is_over() -> None:
    clock = Clock()
    pace = SendingPace(clock)
    pace.stop(7)
    assert pace.room() == 0
    assert pace.next_opening() == 7
    clock.now += 7.01
    assert pace.room() == 30


def test_a_server_that_enforces_the_limits_never_has_to_refuse() -> None:
    clock = Clock()
    pace, limits = SendingPace(clock), FloodLimits(clock, enforced=True)
    chats = [str(n) for n in range(1, 60)] + ["-5", "-6"]
    waiting = [chat for chat in chats for _ in range(40)]
    began, sent = clock.now, 0
    while waiting and clock.now < began + 60:
        resting = set(pace.resting())
        room = pace.room()
        ready = list(dict.fromkeys(chat for chat in waiting if chat not in resting))[:room]
        for chat in ready:
            assert limits.check(int(chat)) == 0
            pace.sent(chat)
            waiting.remove(chat)
            sent += 1
        clock.now += max(0.005, pace.next_opening() or 0.005)
    assert limits.refused == 0
    assert sent >= 28 * 59


def test_chats_that_have_been_silent_are_forgotten() -> None:
    clock = Clock()
    pace = SendingPace(clock)
    for chat in range(100):
        pace.sent(str(chat))
    clock.now += 100
    pace.resting()
    assert pace._chats == {}
