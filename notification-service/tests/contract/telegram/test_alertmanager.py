"""A third client of the fake that shares no code with the others: Alertmanager, where the machine has it."""

import asyncio
import shutil
import socket
from pathlib import Path

import aiohttp
import pytest
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_oracle import violations

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

CONFIGURATION = """
route: {{receiver: telegram, group_wait: 0s, group_interval: 1s}}
receivers:
  - name: telegram
    telegram_configs:
      - api_url: {url}
        bot_token: {token}
        chat_id: 4242
        parse_mode: HTML
        message: '<b>{{{{ .CommonLabels.alertname }}}}</b> &amp; {{{{ .CommonAnnotations.summary }}}}'
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.skipif(BINARY is None, reason="Alertmanager is not installed on this machine")
async def test_alertmanager_delivers_an_alert_through_the_fake(tmp_path: Path) -> None:
    async with FakeTelegram() as fake:
        configuration = tmp_path / "alertmanager.yml"
        configuration.write_text(CONFIGURATION.format(url=fake.base_url, token=TOKEN), encoding="utf-8")
        port = _free_port()
        process = await asyncio.create_subprocess_exec(
            str(BINARY),
            f"--config.file={configuration}",
            f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _post_alert(f"http://127.0.0.1:{port}/api/v2/alerts")
            async with asyncio.timeout(20):
                while not fake.state.sent:  # noqa: ASYNC110 -- another process does it
                    await asyncio.sleep(0.05)
        finally:
            process.terminate()
            await process.wait()
        assert fake.state.texts() == ["ImportsStale & no sales since yesterday"]
        assert violations(fake.state.calls) == []


async def _post_alert(url: str) -> None:
    alerts = [{"labels": {"alertname": "ImportsStale"}, "annotations": {"summary": "no sales since yesterday"}}]
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        while True:
            try:
                async with session.post(url, json=alerts) as response:
                    assert response.status == 200
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
