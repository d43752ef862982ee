"""Domain rules as callers meet them."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gateway.users.adapters.common_passwords import common_passwords
from gateway.users.domain import BadValueError, checked_password
from gateway.users.errors import InvalidUserError
from shared.errors import FieldError

ResultT = TypeVar("ResultT")


def checked(rule: Callable[[], ResultT], field: str | None = None) -> ResultT:
    """Runs a domain rule; a broken one becomes the error callers see, about `field` when that is its name to them."""
    try:
        return rule()
    except BadValueError as error:
        name = field or error.field
        raise InvalidUserError(
            f"{name}: {error.detail}", errors=[FieldError(error.detail, pointer=f"/{name}")]
        ) from error


async def check_password(password: str, email: str, name: str, *, field: str = "password") -> None:
    """Raises: InvalidUserError."""
    common = await asyncio.to_thread(common_passwords)
    checked(lambda: checked_password(password, email, name, common), field)
