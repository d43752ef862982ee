"""Password resets by mail. The request writes a row for any address alike; all the rest happens later and elsewhere.

The token is made when its mail is sent, so that it is written down nowhere but in the mail.
"""

from dataclasses import dataclass

from gateway.audit.domain.entries import Entry, Origin
from gateway.audit.service import AuditService
from gateway.users import repository
from gateway.users.adapters.mail import Mailer, MailNotSentError
from gateway.users.domain import OneTimeToken, Purpose, User, new_token
from gateway.users.repository import ResetRequest
from shared.database.unit_of_work import Database
from shared.observability.logging import get_logger

_PER_TURN = 20
_MAX_ATTEMPTS = 6
_log = get_logger(__name__)
_SUBJECT = "Новый пароль / New password"
_TEXT = """\
Здравствуйте!

Кто-то, вероятно вы, попросил новый пароль для {email}.
Выбрать его можно до {until} UTC, один раз:

    {how}

Если это были не вы, ничего не делайте: прежний пароль остаётся в силе.

--

Hello,

somebody, probably you, asked for a new password for {email}.
You can choose it until {until} UTC, once:

    {how}

If it was not you, do nothing: the current password stays as it is.
"""
_NO_SERVER = "GATEWAY_SMTP_URL is not set; make a link with POST /api/v1/users/{id}/password-reset and hand it over"


@dataclass(frozen=True)
class _Letter:
    user: User
    token: OneTimeToken


class ResetRequestService:
    def __init__(self, database: Database, audit: AuditService) -> None:
        self._database = database
        self._audit = audit

    async def request(self, email: str, origin: Origin) -> None:
        """The same work whether or not somebody has the address, which must be in its stored form."""
        async with self._database.unit_of_work() as work:
            waiting = await repository.add_reset_request(work.session, email, origin)
            entry = Entry("password_reset.requested", waiting, origin, target=f"email:{email}")
            await self._audit.add(work, entry)
            await work.commit()


class ResetMailService:
    def __init__(self, database: Database, audit: AuditService, mailer: Mailer | None, account_url: str | None) -> None:
        self._database = database
        self._audit = audit
        self._mailer = mailer
        self._account_url = account_url

    async def send_due(self) -> None:
        for _ in range(_PER_TURN):
            if not await self._send_next():
                return

    async def _send_next(self) -> bool:
        """False when nothing is due."""
        async with self._database.unit_of_work() as work:
            request = await repository.claim_reset_request(work.session)
            if request is None:
                return False
            user = await repository.find_by_email(work.session, request.email)
            refusal = self._refusal(user)
            letter = None
            if user is not None and refusal is None:
                token = new_token()
                expires_at = await repository.put_token(work.session, user.id, Purpose.PASSWORD_RESET, token)
                letter = _Letter(user, OneTimeToken(Purpose.PASSWORD_RESET, token, expires_at))
            await work.commit()
        if letter is None:
            await self._finish(request, "password_reset.not_sent", refusal)
        else:
            await self._deliver(request, letter)
        return True

    def _refusal(self, user: User | None) -> str | None:
        if user is None:
            return "nobody has this address"
        if not user.active:
            return "the account is closed"
        if not user.has_password:
            return "the account has no password: invite again, or log in with the identity provider"
        return _NO_SERVER if self._mailer is None else None

    async def _deliver(self, request: ResetRequest, letter: _Letter) -> None:
        if self._mailer is None:
            raise RuntimeError("a letter was written without a mail server")
        token = letter.token
        how = token.link(self._account_url) or f"POST /api/v1/auth/password-reset/confirmation  token: {token.token}"
        text = _TEXT.format(email=letter.user.email, until=token.expires_at.strftime("%Y-%m-%d %H:%M"), how=how)
        try:
            await self._mailer.send(letter.user.email, _SUBJECT, text)
        except MailNotSentError as error:
            _log.warning("password_reset_mail_failed", attempt=request.attempts, error=str(error))
            if request.attempts >= _MAX_ATTEMPTS:
                await self._finish(request, "password_reset.not_sent", f"after {request.attempts} attempts: {error}")
            else:
                await self._postpone(request)
        else:
            await self._finish(request, "password_reset.sent", None)

    async def _postpone(self, request: ResetRequest) -> None:
        """For 10 s, then twice as long each time: six attempts within six minutes."""
        async with self._database.unit_of_work() as work:
            await repository.postpone_reset_request(work.session, request.id, 5 * 2**request.attempts)
            await work.commit()

    async def _finish(self, request: ResetRequest, action: str, reason: str | None) -> None:
        details = {} if reason is None else {"reason": reason}
        entry = Entry(action, reason is None, request.origin, target=f"email:{request.email}", details=details)
        async with self._database.unit_of_work() as work:
            await repository.remove_reset_request(work.session, request.id)
            await self._audit.add(work, entry)
            await work.commit()
