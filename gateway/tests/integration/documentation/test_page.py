"""The page in a real browser: log in, see one's own operations, try one, in two languages."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--lang=en")
OPERATIONS = "document.querySelectorAll('details.operation').length"


@dataclass
class Browser:
    """One tab, driven through the browser's own protocol."""

    socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(default_factory=list)
    last_id: int = 0

    async def send(self, method: str, **params: Any) -> Any:
        self.last_id += 1
        await self.socket.send_json({"id": self.last_id, "method": method, "params": params})
        while True:
            message = json.loads((await self.socket.receive(timeout=20)).data)
            if message.get("id") == self.last_id:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") in {"Runtime.exceptionThrown", "Log.entryAdded"}:
                self.complaints.append(json.dumps(message["params"]))

    async def run(self, script: str) -> Any:
        result = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait(self, condition: str) -> None:
        async with asyncio.timeout(20):
            while not await self.run(condition):  # noqa: ASYNC110 -- the page tells nobody
                await asyncio.sleep(0.05)

    async def open(self, url: str) -> None:
        await self.send("Page.navigate", url=url)
        await self.wait(f"document.readyState === 'complete' && {OPERATIONS} > 0")

    async def log_in(self, email: str, password: str) -> None:
        await self.run(f"document.getElementById('email').value = {json.dumps(email)}")
        await self.run(f"document.getElementById('password').value = {json.dumps(password)}")
        await self.run("document.getElementById('login').requestSubmit()")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian package chromium)")
    command = [CHROMIUM, *OPTIONS, "--remote-debugging-port=0", f"--user-data-dir={tmp_path}", "about:blank"]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    )
    try:
        port_file = tmp_path / "DevToolsActivePort"
        async with asyncio.timeout(30):
            while not (port_file.exists() and port_file.read_text().strip()):  # noqa: ASYNC110 -- nor does the start
                await asyncio.sleep(0.05)
        port = port_file.read_text().splitlines()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                address = next(one["webSocketDebuggerUrl"] for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Browser(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await tab.send(f"{domain}.enable")
                yield tab
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def test_after_the_login_the_caller_sees_more_and_can_try_it(gateway: Any, browser: Browser) -> None:
    await browser.open(f"{gateway.url}/docs?lang=en")
    before = await browser.run(OPERATIONS)
    await browser.log_in("admin@example.com", "correct horse battery")
    await browser.wait(f"{OPERATIONS} > {before}")
    assert await browser.run("document.getElementById('who').textContent") == "Logged in as admin@example.com"
    assert await browser.run("document.getElementById('login').hidden") is True
    assert await browser.run("document.getElementById('password').value") == ""
    me = "[...document.querySelectorAll('details.operation')].find((d) => d.textContent.includes('/api/v1/auth/me'))"
    await browser.run(f"{me}.open = true")
    await browser.wait(f"{me}.querySelector('.send') !== null")
    await browser.run(f"{me}.querySelector('.send').click()")
    await browser.wait(f"{me}.querySelector('.result').textContent.startsWith('200')")
    assert "admin@example.com" in await browser.run(f"{me}.querySelector('.result').textContent")
    assert "401" in await browser.run(f"{me}.textContent")
    assert await browser.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    await browser.run("document.getElementById('logout').click()")
    await browser.wait(f"document.getElementById('session').hidden && {OPERATIONS} === {before}")
    assert browser.complaints == []


async def test_an_ended_token_is_renewed_without_a_word(gateway: Any, browser: Browser) -> None:
    await browser.open(f"{gateway.url}/docs?lang=en")
    await browser.log_in("admin@example.com", "correct horse battery")
    await browser.wait("session.access !== null")
    first = await browser.run("session.access + session.refresh")
    await browser.run("session.renew()")
    assert await browser.run("session.access + session.refresh") != first
    assert await browser.run("fetch('/api/v1/auth/me', { headers: session.headers() }).then((r) => r.status)") == 200


async def test_a_wrong_password_is_said_and_the_page_goes_on_in_the_readers_language(
    gateway: Any, browser: Browser
) -> None:
    await browser.open(f"{gateway.url}/docs?lang=ru")
    assert await browser.run("document.querySelector('h1').textContent") == "Платформа закупок: API"
    await browser.log_in("admin@example.com", "wrong")
    await browser.wait("document.getElementById('notice').textContent.startsWith('Вход не выполнен')")
    assert await browser.run("session.access") is None
    await browser.run("document.querySelector('[data-language=en]').click()")
    await browser.wait("document.documentElement.lang === 'en'")
    assert await browser.run("document.querySelector('#login button').textContent") == "Log in"
