"""The address of the mail server, and TLS where it must be."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from pydantic import SecretStr

from gateway.users.adapters.mail import Mailer, MailNotSentError, MailSettingsError, mailer_of


@pytest.fixture
def plain_server() -> Iterator[int]:
    """Speaks SMTP and no TLS."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://host/path"])
def test_an_address_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(MailSettingsError) as refused:
        mailer_of(SecretStr(url), "a@b.c", require_tls=False)
    assert "GATEWAY_SMTP_URL" in str(refused.value)


def test_without_an_address_there_is_no_mail() -> None:
    assert mailer_of(None, "a@b.c", require_tls=True) is None
    assert mailer_of(SecretStr(""), "a@b.c", require_tls=True) is None


async def test_a_server_without_tls_gets_no_mail_where_tls_is_needed(plain_server: int) -> None:
    url = SecretStr(f"smtp://127.0.0.1:{plain_server}")
    await Mailer(url, "a@b.c", require_tls=False).send("x@y.z", "subject", "text")
    with pytest.raises(MailNotSentError):
        await Mailer(url, "a@b.c", require_tls=True).send("x@y.z", "subject", "text")


async def test_a_server_that_is_away_is_an_expected_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = SecretStr(f"smtp://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(MailNotSentError):
            await asyncio.wait_for(Mailer(url, "a@b.c", require_tls=False).send("x@y.z", "s", "t"), 10)
