"""How often messages may be sent: one a second to a chat, twenty a minute to a group, thirty a second in all.

Source: Telegram bots FAQ, "My bot is hitting limits"; the true limits vary, so a 429 is always obeyed on top.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Window:
    limit: int
    seconds: float


# A little longer than Telegram's own, since two clocks never run quite alike.
OVERALL = Window(30, 1.005)
PER_CHAT = Window(1, 1.005)
PER_GROUP = Window(20, 60.1)


def is_group(address: str) -> bool:
    """Groups and channels have negative ids or public names."""
    return address.startswith(("-", "@"))


@dataclass
class SendingPace:
    """Sliding windows over what this process has sent. `clock` gives seconds that only grow.

    A message counts from its start until a window after its answer: it arrived somewhere in between, so the server
    never sees more of them in a window than allowed, however long each one travelled.
    """

    clock: Callable[[], float]
    _under_way: Counter[str] = field(default_factory=Counter)
    _answered: deque[float] = field(default_factory=deque)
    _chats: dict[str, deque[float]] = field(default_factory=dict)
    _stopped_until: float = 0.0

    @contextmanager
    def sending(self, address: str) -> Iterator[None]:
        """Around one request."""
        self._under_way[address] += 1
        try:
            yield
        finally:
            self._under_way[address] -= 1
            self._under_way += Counter()  # drops the zeros
            now = self.clock()
            self._answered.append(now)
            self._chats.setdefault(address, deque()).append(now)

    def stop(self, seconds: float) -> None:
        """Telegram refused: it refuses the bot in every chat until then."""
        self._stopped_until = max(self._stopped_until, self.clock() + seconds)

    def room(self) -> int:
        now = self.clock()
        if now < self._stopped_until:
            return 0
        return max(0, OVERALL.limit - self._under_way.total() - _inside(self._answered, OVERALL, now))

    def resting(self) -> list[str]:
        """Addresses over the limit of their chat; forgets those that have long been silent."""
        now = self.clock()
        resting = list(self._under_way)
        for address, times in list(self._chats.items()):
            if self._free_at(address, times, now) > now:
                resting.append(address)
            elif not times:
                del self._chats[address]
        return resting

    def next_opening(self) -> float | None:
        """Seconds until a window that is full now has room again."""
        now = self.clock()
        moments = [self._free_at(address, times, now) for address, times in self._chats.items()]
        if _inside(self._answered, OVERALL, now) >= OVERALL.limit:
            moments.append(self._answered[0] + OVERALL.seconds)
        moments.append(self._stopped_until)
        ahead = [moment - now for moment in moments if moment > now]
        return min(ahead) if ahead else None

    def _free_at(self, address: str, times: deque[float], now: float) -> float:
        """When the next message may go there; a group's longer history decides what is kept."""
        if not is_group(address):
            return times[0] + PER_CHAT.seconds if _inside(times, PER_CHAT, now) else now
        count = _inside(times, PER_GROUP, now)
        by_group = times[count - PER_GROUP.limit] + PER_GROUP.seconds if count >= PER_GROUP.limit else now
        by_chat = times[-1] + PER_CHAT.seconds if times else now
        return max(by_group, by_chat)


def _inside(times: deque[float], window: Window, now: float) -> int:
    """Drops what the window has left behind and counts the rest."""
    while times and times[0] <= now - window.seconds:
        times.popleft()
    return len(times)
