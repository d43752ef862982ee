"""Use cases of the links that let a person choose a password: invitations and password resets."""

from uuid import UUID

from gateway.audit.domain.entries import Actor, Entry, Origin
from gateway.audit.service import AuditService
from gateway.users import repository
from gateway.users.adapters.passwords import Passwords
from gateway.users.domain import OneTimeToken, Purpose, User, new_token
from gateway.users.errors import LinkNotPossibleError, LinkNotValidError
from gateway.users.service.rules import check_password
from shared.database.unit_of_work import Database, UnitOfWork

_ANOTHER = {
    Purpose.INVITATION: "Ask an administrator to invite you again.",
    Purpose.PASSWORD_RESET: "Ask for a new one with POST /api/v1/auth/password-reset.",
}


class LinkService:
    def __init__(self, database: Database, passwords: Passwords, audit: AuditService) -> None:
        self._database = database
        self._passwords = passwords
        self._audit = audit

    async def invite_again(self, user_id: UUID, actor: Actor, origin: Origin) -> OneTimeToken:
        """The earlier invitation works no longer. Raises: UserNotFoundError, LinkNotPossibleError."""
        return await self._make(user_id, Purpose.INVITATION, actor, origin)

    async def make_reset(self, user_id: UUID, actor: Actor, origin: Origin) -> OneTimeToken:
        """For an administrator to hand over. Raises: UserNotFoundError, LinkNotPossibleError."""
        return await self._make(user_id, Purpose.PASSWORD_RESET, actor, origin)

    async def accept_invitation(self, token: str, password: str, origin: Origin) -> None:
        """Raises: LinkNotValidError; InvalidUserError, and then the link still works."""
        await self._redeem(Purpose.INVITATION, token, password, "password", origin)

    async def confirm_reset(self, token: str, password: str, origin: Origin) -> None:
        """Ends all of the person's sessions. Raises: LinkNotValidError; InvalidUserError, and then the link works."""
        await self._redeem(Purpose.PASSWORD_RESET, token, password, "new_password", origin)

    async def _make(self, user_id: UUID, purpose: Purpose, actor: Actor, origin: Origin) -> OneTimeToken:
        token = new_token()
        async with self._database.unit_of_work() as work:
            user = await repository.get_user(work.session, user_id, lock=True)
            _require_use(user, purpose)
            expires_at = await repository.put_token(work.session, user_id, purpose, token)
            action = "invitation.created" if purpose is Purpose.INVITATION else "password_reset.created"
            await self._audit.add(work, Entry(action, True, origin, actor, target=f"user:{user_id}"))
            await work.commit()
        return OneTimeToken(purpose, token, expires_at)

    async def _redeem(self, purpose: Purpose, token: str, password: str, field: str, origin: Origin) -> None:
        async with self._database.unit_of_work() as work:
            user = await repository.find_token_owner(work.session, purpose, token)
        if user is None:
            await self._audit.record(Entry(f"{purpose}.refused", False, origin))
            raise LinkNotValidError(_ANOTHER[purpose])
        await check_password(password, user.email, user.name, field=field)
        password_hash = await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            if not await repository.use_token(work.session, purpose, token):
                raise LinkNotValidError(_ANOTHER[purpose])
            await self._set_password(work, user, password_hash)
            action = "invitation.accepted" if purpose is Purpose.INVITATION else "password_reset.completed"
            actor = Actor("user", str(user.id), user.email)
            await self._audit.add(work, Entry(action, True, origin, actor, target=f"user:{user.id}"))
            await work.commit()

    async def _set_password(self, work: UnitOfWork, user: User, password_hash: str) -> None:
        await repository.remove_tokens(work.session, user.id)
        await repository.update_user(work.session, user.id, {"password_hash": password_hash}, end_sessions=True)


def _require_use(user: User, purpose: Purpose) -> None:
    if not user.active:
        raise LinkNotPossibleError(f"The account of {user.email} is closed; open it first with `active: true`.")
    if purpose is Purpose.INVITATION and user.has_password:
        raise LinkNotPossibleError(
            f"{user.email} already has a password; make a link with POST /api/v1/users/{user.id}/password-reset."
        )
    if purpose is Purpose.PASSWORD_RESET and not user.has_password:
        raise LinkNotPossibleError(
            f"{user.email} has no password yet; invite again with POST /api/v1/users/{user.id}/invitation."
        )
