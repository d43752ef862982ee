"""Telegram as a channel: python-telegram-bot's `Bot`, with every answer turned into an outcome.

The token stands in the path of every request; nothing of an exception's own text is logged unless Telegram wrote it.
"""

import logging
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import httpx
import telegram
from pydantic import SecretStr
from telegram import error as answers
from telegram.request import HTTPXRequest

from notification_service.messages.domain.channel import (
    Accepted,
    Failing,
    Lost,
    MarkupRefused,
    Moved,
    Outcome,
    Refused,
    Throttled,
    Unreachable,
    Unusable,
)
from notification_service.telegram.domain.pace import SendingPace
from notification_service.telegram.domain.refusals import (
    is_markup_refusal,
    meaning_of_bad_request,
    meaning_of_forbidden,
)
from notification_service.templates.domain.markup import plain_text, utf16_units
from notification_service.templates.domain.splitting import TELEGRAM_TEXT_UNITS, split_markup
from shared.observability.logging import get_logger

_log = get_logger(__name__)

# What is raised before a single byte of the request has left; RuntimeError is a client that is closed.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    RuntimeError,
)
_TOKEN_REFUSED = "Telegram refuses the bot's token; set NOTIFICATION_TELEGRAM_TOKEN to the one @BotFather shows."  # noqa: S105


@dataclass(frozen=True)
class BotAddress:
    """`api_base_url` is the Bot API server without a path."""

    token: SecretStr
    api_base_url: str
    connect_timeout_seconds: float
    read_timeout_seconds: float
    connections: int


class TelegramChannel:
    name = "telegram"

    def __init__(self, address: BotAddress) -> None:
        self._address = address
        self._pace = SendingPace(time.monotonic)
        self._bot: telegram.Bot | None = None
        self._was_ready = False
        self._ready = False

    async def prepare(self) -> Unusable | Unreachable | None:
        if self._ready:
            return None
        # The library's own switch to the type its next major version returns; without it every 429 warns.
        os.environ.setdefault("PTB_TIMEDELTA", "true")
        try:
            self._bot = self._bot or self._make()
            if self._was_ready:
                await self._bot.get_me()
            else:
                await self._bot.initialize()
        except answers.InvalidToken:
            return Unusable(_TOKEN_REFUSED)
        except answers.TelegramError as error:
            return Unreachable(f"Telegram cannot be reached: {_kind(error)}.")
        self._ready = self._was_ready = True
        _log.info("telegram_ready", bot=self._bot.username)
        return None

    def _make(self) -> telegram.Bot:
        # These log the address of every request with the token in it, and answers that are handled here.
        for name in ("telegram", "httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        address = self._address

        def request() -> HTTPXRequest:
            return HTTPXRequest(
                connection_pool_size=address.connections,
                connect_timeout=address.connect_timeout_seconds,
                read_timeout=address.read_timeout_seconds,
                write_timeout=address.read_timeout_seconds,
                pool_timeout=address.connect_timeout_seconds,
            )

        return telegram.Bot(
            address.token.get_secret_value(),
            base_url=f"{address.api_base_url}/bot",
            base_file_url=f"{address.api_base_url}/file/bot",
            request=request(),
            get_updates_request=request(),
        )

    def room(self) -> int:
        return self._pace.room()

    def resting(self) -> Collection[str]:
        return self._pace.resting()

    def next_opening(self) -> float | None:
        return self._pace.next_opening()

    def split(self, markup: str) -> Sequence[str]:
        return split_markup(markup)

    async def send(self, address: str, markup: str, *, plain: bool) -> Outcome:
        if self._bot is None or not self._ready:
            return Unreachable("The bot is not connected.")
        try:
            with self._pace.sending(address):
                message = await self._bot.send_message(
                    chat_id=address,
                    text=_plain(markup) if plain else markup,
                    parse_mode=None if plain else "HTML",
                    link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
                )
        except answers.TelegramError as error:
            return self._outcome(error)
        return Accepted(str(message.message_id))

    def _outcome(self, error: answers.TelegramError) -> Outcome:
        if isinstance(error.__cause__, answers.TelegramError):
            # The body was not the Bot API's JSON: something in front of it answered, whatever the status.
            return Failing("Telegram's answer was not readable.")
        match error:
            case answers.RetryAfter() | answers.ChatMigrated():
                return self._directed(error)
            case answers.InvalidToken():
                self._ready = False
                return Unusable(_TOKEN_REFUSED)
            case answers.Forbidden() | answers.BadRequest():
                return _refusal(error)
            case _:
                return _network_outcome(error)

    def _directed(self, error: answers.RetryAfter | answers.ChatMigrated) -> Throttled | Moved:
        if isinstance(error, answers.ChatMigrated):
            return Moved(str(error.new_chat_id))
        seconds = _seconds(error)
        self._pace.stop(seconds)
        return Throttled(seconds)

    async def close(self) -> None:
        bot, self._bot, self._ready = self._bot, None, False
        if bot is not None:
            await bot.shutdown()


def _plain(markup: str) -> str:
    text = plain_text(markup)
    return text if utf16_units(text) <= TELEGRAM_TEXT_UNITS else plain_text(markup, links=False)


def _refusal(error: answers.Forbidden | answers.BadRequest) -> Refused | MarkupRefused:
    words = error.message.removeprefix("Forbidden: ").rstrip(".")
    if isinstance(error, answers.Forbidden):
        meaning = meaning_of_forbidden(words)
    elif is_markup_refusal(words):
        return MarkupRefused(f"Telegram: {words}.")
    else:
        meaning = meaning_of_bad_request(words)
    return Refused(meaning.code, f"Telegram: {words}. What to do: {meaning.advice}.", meaning.address_is_dead)


def _network_outcome(error: answers.TelegramError) -> Outcome:
    """The library's NetworkError stands for a 5xx answer, unless it was caused by the HTTP client."""
    cause = error.__cause__
    if isinstance(cause, _NOT_SENT):
        return Unreachable(f"Telegram cannot be reached: {_kind(error)}.")
    if cause is None and not isinstance(error, answers.TimedOut):
        return Failing(f"Telegram failed on its side: {error.message}.")
    return Lost(f"The message left here, but Telegram's answer did not come: {_kind(error)}.")


def _kind(error: answers.TelegramError) -> str:
    return type(error.__cause__ or error).__name__


def _seconds(error: answers.RetryAfter) -> float:
    wait = error.retry_after
    return float(wait) if isinstance(wait, int) else wait.total_seconds()
