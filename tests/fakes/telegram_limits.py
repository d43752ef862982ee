"""The flood limits of the Bot API, as sliding windows."""

import math
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Window:
    limit: int
    seconds: float


OVERALL = Window(30, 1.0)
PER_CHAT = Window(1, 1.0)
PER_GROUP = Window(20, 60.0)


@dataclass
class FloodLimits:
    """A bot over a limit is refused in all chats until the penalty is over, as Telegram does."""

    clock: Callable[[], float]
    enforced: bool = False
    blocked_until: float = 0.0
    refused: int = 0
    _history: dict[object, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def check(self, chat_id: int) -> int:
        """Seconds to wait, 0 when the message may pass (and is then counted)."""
        if not self.enforced:
            return 0
        now = self.clock()
        windows = [("all", OVERALL), (chat_id, PER_CHAT)]
        if chat_id < 0:
            windows.append((("group", chat_id), PER_GROUP))
        wait = max([self.blocked_until - now, *(self._wait(key, window, now) for key, window in windows)])
        if wait > 0:
            self.refused += 1
            penalty = math.ceil(wait)
            self.blocked_until = max(self.blocked_until, now + penalty)
            return penalty
        for key, _ in windows:
            self._history[key].append(now)
        return 0

    def _wait(self, key: object, window: Window, now: float) -> float:
        history = self._history[key]
        while history and history[0] <= now - window.seconds:
            history.popleft()
        return history[0] + window.seconds - now if len(history) >= window.limit else 0.0
