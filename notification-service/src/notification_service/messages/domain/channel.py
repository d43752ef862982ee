"""What a channel is, and everything it may answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Accepted:
    """Delivered, as far as the channel can tell."""

    provider_message_id: str | None


@dataclass(frozen=True)
class Refused:
    """For good: trying again would change nothing. `address_is_dead` when no message can reach the address any more."""

    code: str
    detail: str
    address_is_dead: bool = False


@dataclass(frozen=True)
class MarkupRefused:
    """The channel cannot read the markup of this text; it may take the plain text."""

    detail: str


@dataclass(frozen=True)
class Moved:
    """The chat has another address now."""

    new_address: str


@dataclass(frozen=True)
class Throttled:
    """Too many messages; not before the given time."""

    seconds: float


@dataclass(frozen=True)
class Unreachable:
    """The channel was not reached, so nothing was sent."""

    detail: str


@dataclass(frozen=True)
class Failing:
    """The channel answered that it failed on its side."""

    detail: str


@dataclass(frozen=True)
class Unusable:
    """Our credentials are refused; no message can be sent until somebody changes them."""

    detail: str


@dataclass(frozen=True)
class Lost:
    """The text left here and no answer came: nobody knows whether it was delivered."""

    detail: str


Outcome = Accepted | Refused | MarkupRefused | Moved | Throttled | Unreachable | Failing | Unusable | Lost


class Channel(Protocol):
    """One way to reach people. `name` is recorded with each message it takes."""

    name: str

    async def prepare(self) -> Unusable | Unreachable | None:
        """Make ready to send; None when it is. Cheap when repeated."""

    def room(self) -> int:
        """Messages that may start now without breaking the channel's overall limit."""

    def resting(self) -> Collection[str]:
        """Addresses that have to wait before their next message."""

    def next_opening(self) -> float | None:
        """Seconds until there is more room or an address has rested; None when nothing waits for that."""

    def split(self, markup: str) -> Sequence[str]:
        """The message as the parts the channel takes, in order."""

    async def send(self, address: str, markup: str, *, plain: bool) -> Outcome:
        """Send one part; `plain` without its markup. Never raises for what the channel or the network does."""

    async def close(self) -> None: ...
