"""The platform under test and the Telegram it talks to."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from local.display import Display
from local.infrastructure.ports import free_port
from local.one_machine import PlatformOptions, running_platform

REPOSITORY = Path(__file__).resolve().parents[2]
TOKEN = "123456789:fake-token_for-tests_0123456789abcdef"


@dataclass(frozen=True)
class Platform:
    """`telegram_url` is the control address of the fake Telegram server that the platform was given."""

    url: str
    email: str
    password: str
    telegram_url: str

    def telegram(self, what: str, chat: int) -> list[dict[str, Any]]:
        messages = httpx.get(f"{self.telegram_url}/sim/{what}").raise_for_status().json()["messages"]
        return [message for message in messages if message["chat"]["id"] == chat]


def existing_platform() -> Platform:
    """From E2E_URL, E2E_EMAIL, E2E_PASSWORD; E2E_TELEGRAM_URL is where its fake Telegram is steered."""
    return Platform(
        url=os.environ["E2E_URL"],
        email=os.environ["E2E_EMAIL"],
        password=os.environ["E2E_PASSWORD"],
        telegram_url=os.environ["E2E_TELEGRAM_URL"],
    )


@contextmanager
def fake_telegram() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.fakes.telegram", "--port", str(port), "--token", TOKEN]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "fake Telegram at" in server.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextmanager
def started_platform(state: Path) -> Iterator[Platform]:
    """Everything on embedded infrastructure, with a Telegram token that leads to the fake server."""
    options = PlatformOptions(state=state, port=free_port())
    with fake_telegram() as telegram_url:
        user = {
            **os.environ,
            "NOTIFICATION_TELEGRAM_TOKEN": TOKEN,
            "NOTIFICATION_TELEGRAM_API_BASE_URL": telegram_url,
        }
        with running_platform(options, user, Display(Console(stderr=True))) as running:
            email, password = running.administrator
            yield Platform(url=running.url, email=email, password=password, telegram_url=telegram_url)
