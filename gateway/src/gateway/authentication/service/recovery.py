"""Asking for a new password without a login: throttled, and silent about who has an account."""

from gateway.audit.domain.entries import Entry, Origin
from gateway.audit.service import AuditService
from gateway.authentication import repository
from gateway.authentication.domain import RESET_RULES, throttle_key
from gateway.users.domain import checked_email
from gateway.users.service.reset_mail import ResetRequestService
from gateway.users.service.rules import checked
from shared.database.unit_of_work import Database


class RecoveryService:
    def __init__(self, database: Database, requests: ResetRequestService, audit: AuditService) -> None:
        self._database = database
        self._requests = requests
        self._audit = audit

    async def request_reset(self, email: str, origin: Origin) -> None:
        """Too many requests are dropped as silently as those for nobody. Raises: InvalidUserError for no address."""
        account = checked(lambda: checked_email(email))
        charges = [(rule, throttle_key(rule, account, origin.address)) for rule in RESET_RULES]
        async with self._database.unit_of_work() as work:
            wait = await repository.charge_attempts(work.session, charges)
            if wait == 0:
                await work.commit()
        if wait == 0:
            await self._requests.request(account, origin)
        else:
            await self._audit.record(Entry("password_reset.throttled", False, origin, target=f"email:{account}"))
