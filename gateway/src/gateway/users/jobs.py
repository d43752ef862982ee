"""Work beside the requests."""

from gateway.audit.service import AuditService
from gateway.resources import Resources
from gateway.users import repository
from gateway.users.adapters.mail import Mailer
from gateway.users.service.reset_mail import ResetMailService
from shared.database.schedule import run_periodically

_HOUR = 3600.0


async def send_password_resets(resources: Resources, mailer: Mailer | None) -> None:
    """For ever, on one replica at a time: mails for the requests that wait."""
    settings = resources.settings
    account_url = str(settings.account_url) if settings.account_url is not None else None
    service = ResetMailService(resources.database, AuditService(resources.database), mailer, account_url)
    await run_periodically(resources.database, "password-resets", settings.mail_check_seconds, service.send_due)


async def purge_one_time_tokens(resources: Resources) -> None:
    """For ever, on one replica at a time."""

    async def purge() -> None:
        async with resources.database.unit_of_work() as work:
            await repository.purge_tokens(work.session)
            await work.commit()

    await run_periodically(resources.database, "purge-one-time-tokens", _HOUR, purge)
