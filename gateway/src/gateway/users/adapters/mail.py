"""Mail by SMTP: one message at a time, over TLS wherever the message could be read on its way."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import aiosmtplib
from pydantic import SecretStr

_TIMEOUT_SECONDS = 15.0
_PORTS = {"smtp": 587, "smtps": 465}


class MailSettingsError(ValueError):
    """The mail server's address cannot be used; the process must not start with it."""


class MailNotSentError(Exception):
    """The message was not taken; it may be tried again."""


class Mailer:
    """`url` is smtp:// (STARTTLS) or smtps://, with user and password if needed. Raises: MailSettingsError."""

    def __init__(self, url: SecretStr, sender: str, *, require_tls: bool) -> None:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"}:
            raise MailSettingsError(
                "GATEWAY_SMTP_URL must look like smtp://user:password@host:587 or smtps://host:465."
            )
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._implicit_tls = parts.scheme == "smtps"
        self._start_tls = None if not require_tls or self._implicit_tls else True
        self._sender = sender

    async def send(self, receiver: str, subject: str, text: str) -> None:
        """Raises: MailNotSentError, also when the server does not speak TLS and has to."""
        message = EmailMessage()
        local, _, domain = receiver.partition("@")
        message["From"], message["To"] = self._sender, Address(username=local, domain=domain)
        message["Subject"], message["Date"] = subject, formatdate()
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].strip("> ") or "localhost")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            await aiosmtplib.send(
                message,
                recipients=[receiver],
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._implicit_tls,
                start_tls=False if self._implicit_tls else self._start_tls,
                timeout=_TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailNotSentError(f"{type(error).__name__}: {error}"[:300]) from error


def mailer_of(url: SecretStr | None, sender: str, *, require_tls: bool) -> Mailer | None:
    """None when no mail server is set. Raises: MailSettingsError."""
    if url is None or not url.get_secret_value():
        return None
    return Mailer(url, sender, require_tls=require_tls)
