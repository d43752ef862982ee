"""The console channel: the message goes to the log and, readable, to standard output."""

import asyncio
import sys
from collections.abc import Collection, Sequence

from notification_service.messages.domain.channel import Accepted, Outcome
from notification_service.templates.domain.markup import plain_text
from shared.observability.logging import get_logger

_log = get_logger(__name__)
_ROOM = 30


class ConsoleChannel:
    """`label` says on every message why it is here: `console channel (no Telegram token)`."""

    name = "console"

    def __init__(self, label: str) -> None:
        self._label = label

    async def prepare(self) -> None:
        """Always ready."""

    def room(self) -> int:
        return _ROOM

    def resting(self) -> Collection[str]:
        return ()

    def next_opening(self) -> float | None:
        return None

    def split(self, markup: str) -> Sequence[str]:
        return [markup]

    async def send(self, address: str, markup: str, *, plain: bool) -> Outcome:  # noqa: ARG002 -- always plain here
        text = plain_text(markup)
        _log.info("message_shown", label=self._label, address=address, text=text)
        await asyncio.to_thread(_write, f"--- {self._label}, to {address}\n{text}\n---\n")
        return Accepted(provider_message_id=None)

    async def close(self) -> None:
        """Nothing is open."""


def _write(block: str) -> None:
    sys.stdout.write(block)
    sys.stdout.flush()
