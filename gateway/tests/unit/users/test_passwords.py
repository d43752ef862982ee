"""Hashing in threads: equally slow for everybody, bounded, and aware of old parameters."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
from argon2 import PasswordHasher

from gateway.users.adapters.common_passwords import common_passwords
from gateway.users.adapters.passwords import Passwords
from gateway.users.errors import TooManyLoginsError


async def test_verifying_takes_equally_long_with_and_without_a_user() -> None:
    """Medians of CPU time in the thread that hashes, so that other load on the machine does not count."""
    passwords = Passwords(ThreadPoolExecutor(1), asyncio.Semaphore(4))
    known = await passwords.hash("an unguessable sentence")
    await passwords.verify(None, "warm")

    async def cost(password_hash: str | None) -> float:
        began = await passwords._run(time.thread_time)
        assert not await passwords.verify(password_hash, "wrong")
        return await passwords._run(time.thread_time) - began

    costs = [(await cost(known), await cost(None)) for _ in range(9)]
    with_user, without = median(pair[0] for pair in costs), median(pair[1] for pair in costs)
    assert 0.8 < with_user / without < 1.25


async def test_beyond_the_slots_callers_are_told_to_come_back() -> None:
    passwords = Passwords(ThreadPoolExecutor(1), asyncio.Semaphore(2))
    results = await asyncio.gather(*(passwords.hash("x" * 12) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, str) for result in results) == 2
    refusals = [result for result in results if isinstance(result, TooManyLoginsError)]
    assert [refusal.headers for refusal in refusals] == [{"Retry-After": "1"}] * 3


async def test_other_parameters_are_outdated_and_ours_are_not() -> None:
    passwords = Passwords(ThreadPoolExecutor(1), asyncio.Semaphore(2))
    assert not passwords.is_outdated(await passwords.hash("an unguessable sentence"))
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))


@pytest.mark.parametrize("stored", ["", "plain text", "$argon2id$v=19$m=19456,t=2,p=1$broken", "$2b$12$abc"])
async def test_a_hash_that_is_none_lets_nobody_in(stored: str) -> None:
    passwords = Passwords(ThreadPoolExecutor(1), asyncio.Semaphore(2))
    assert not await passwords.verify(stored, stored)
    assert not await passwords.verify(None, "")


def test_the_list_of_common_passwords_is_long_and_in_lower_case() -> None:
    common = common_passwords()
    assert len(common) > 19_000
    assert {"password", "qwertyuiop", "1q2w3e4r5t"} <= common
    assert all(password == password.lower() and password for password in common)
