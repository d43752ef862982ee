"""Password hashing with argon2id, in threads of its own: 19 MiB and about 30 ms of one core each."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.users.errors import TooManyLoginsError

ResultT = TypeVar("ResultT")

# OWASP's minimum for argon2id (Password Storage Cheat Sheet): m = 19 MiB, t = 2, p = 1.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _decoy_hash() -> str:
    """Verified against when there is no such user, so that both refusals take equally long."""
    return _HASHER.hash(secrets.token_urlsafe(16))


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        _HASHER.verify(password_hash or _decoy_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


class Passwords:
    """`slots` bounds how many hashings may run or wait; beyond it callers are told to come back."""

    def __init__(self, threads: ThreadPoolExecutor, slots: asyncio.Semaphore) -> None:
        self._threads = threads
        self._slots = slots

    async def hash(self, password: str) -> str:
        return await self._run(lambda: _HASHER.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        return await self._run(lambda: _verify(password_hash, password))

    def is_outdated(self, password_hash: str) -> bool:
        return _HASHER.check_needs_rehash(password_hash)

    async def _run(self, work: Callable[[], ResultT]) -> ResultT:
        if self._slots.locked():
            raise TooManyLoginsError(
                "Passwords are being checked for many people; try again in a second.", headers={"Retry-After": "1"}
            )
        async with self._slots:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
