"""How often messages may be sent: one a second to a chat, twenty a minute to a group, thirty a second in all.

Source: Telegram bots FAQ, "My bot is hitting limits"; the true limits vary, so a 429 is always obeyed on top.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

# Messages do not take the same time to arrive; a little more than the limit's own second keeps its windows apart.
_MARGIN = 1.05


@dataclass(frozen=True)
class Window:
    limit: int
    seconds: float


OVERALL = Window(30, 1.0 * _MARGIN)
PER_CHAT = Window(1, 1.0 * _MARGIN)
PER_GROUP = Window(20, 60.0 * _MARGIN)


def is_group(address: str) -> bool:
    """Groups and channels have negative ids or public names."""
    return address.startswith(("-", "@"))


@dataclass
class SendingPace:
    """Sliding windows over what this process has sent. `clock` gives seconds that only grow."""

    clock: Callable[[], float]
    _all: deque[float] = field(default_factory=deque)
    _chats: dict[str, deque[float]] = field(default_factory=dict)
    _stopped_until: float = 0.0

    def sent(self, address: str) -> None:
        now = self.clock()
        self._all.append(now)
        self._chats.setdefault(address, deque()).append(now)

    def stop(self, seconds: float) -> None:
        """Telegram refused: it refuses the bot in every chat until then."""
        self._stopped_until = max(self._stopped_until, self.clock() + seconds)

    def room(self) -> int:
        now = self.clock()
        if now < self._stopped_until:
            return 0
        return max(0, OVERALL.limit - _inside(self._all, OVERALL, now))

    def resting(self) -> list[str]:
        """Addresses over the limit of their chat; forgets those that have long been silent."""
        now = self.clock()
        resting = []
        for address, times in list(self._chats.items()):
            if self._free_at(address, times, now) > now:
                resting.append(address)
            elif not times:
                del self._chats[address]
        return resting

    def next_opening(self) -> float | None:
        now = self.clock()
        moments = [self._free_at(address, times, now) for address, times in self._chats.items()]
        if _inside(self._all, OVERALL, now) >= OVERALL.limit:
            moments.append(self._all[0] + OVERALL.seconds)
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
