"""A private gateway as a process of its own, with recorded services behind it: the target of the attack in the tests."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from redis import Redis
from tests.attack.recorder import OWNERS, Recorder
from tests.attack.routes import ROUTES_FILE

from local.infrastructure.ports import free_port

ADMIN = ("admin@example.com", "correct horse battery")
PASSWORD = "an unguessable sentence"
_START_SECONDS = 60.0
_KINDS = ("anonymous", "user", "api_key", "service")


@dataclass
class GatewayProcess:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError(f"the gateway did not start: {self.log.read_text()[-2000:]}")

    def stop(self, seconds: float = 60) -> int:
        """Asked politely; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode


@dataclass
class House:
    """What every gateway of one test run shares: database, Redis, key, table of routes, services behind."""

    folder: Path
    database_url: str
    redis_url: str
    upstreams: Mapping[str, str]
    rates: Mapping[str, str] = field(default_factory=dict)
    _processes: list[GatewayProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "signing.pem").write_bytes(key)
        self.write_routes(self.rates)

    def write_routes(self, rates: Mapping[str, str]) -> None:
        """The product's own table with limits nobody reaches by accident; `rates` sets single classes."""
        document = yaml.safe_load(ROUTES_FILE.read_text(encoding="utf-8"))
        for name, rate in document["rates"].items():
            rate.update(dict.fromkeys(_KINDS, rates.get(name, "1000000/60")))
        for name in ("address_rate", "failure_rate"):
            document[name] = rates.get(name, "1000000/60")
        (self.folder / "routes.yaml").write_text(yaml.safe_dump(document, explicit_end=True))

    def environment(self, port: int, **given: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        return {
            **clean,
            "GATEWAY_ENVIRONMENT": "test",
            "GATEWAY_LOG_LEVEL": "WARNING",
            "GATEWAY_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "GATEWAY_DATABASE_URL": self.database_url,
            "GATEWAY_REDIS_URL": self.redis_url,
            "GATEWAY_ROUTES_FILE": str(self.folder / "routes.yaml"),
            "GATEWAY_SIGNING_KEY_FILE": str(self.folder / "signing.pem"),
            "GATEWAY_ADMIN_EMAIL": ADMIN[0],
            "GATEWAY_ADMIN_PASSWORD": ADMIN[1],
            "GATEWAY_SERVICE_CLIENTS": json.dumps({"forecast": "forecast-secret"}),
            **{f"GATEWAY_UPSTREAMS__{name.upper()}": url for name, url in self.upstreams.items()},
            **given,
        }

    def start(self, *, port: int | None = None, **given: str) -> GatewayProcess:
        port = port or free_port()
        log = self.folder / f"gateway-{port}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway.main"],
                env=self.environment(port, **given),
                stdout=output,
                stderr=output,
            )
        gateway = GatewayProcess(port, process, log)
        self._processes.append(gateway)
        return gateway

    def started(self, **given: str) -> GatewayProcess:
        gateway = self.start(**given)
        gateway.wait_until_ready()
        return gateway

    def close(self) -> None:
        for gateway in self._processes:
            if gateway.process.poll() is None:
                gateway.process.kill()
                gateway.process.wait()

    def token(self, gateway: GatewayProcess, role: str) -> str:
        """Of a user with exactly this role."""
        with httpx.Client(base_url=gateway.url, timeout=20, trust_env=False) as client:
            admin = _login(client, *ADMIN)["access_token"]
            if role == "admin":
                return str(admin)
            body = {"email": f"{role}@example.com", "name": role, "password": PASSWORD, "roles": [role]}
            created = client.post("/api/v1/users", json=body, headers={"Authorization": f"Bearer {admin}"})
            if created.status_code not in {201, 409}:
                raise RuntimeError(created.text)
            return str(_login(client, f"{role}@example.com", PASSWORD)["access_token"])


def _login(client: httpx.Client, email: str, password: str) -> dict[str, Any]:
    answer = client.post("/api/v1/auth/login", json={"email": email, "password": password})
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


@contextmanager
def private_house(recorder: Recorder, templates: Any, store_url: str, folder: Path) -> Iterator[House]:
    """With a database of its own and an empty store; every service behind it is the recorder."""
    database = templates.create("gateway")
    with Redis.from_url(store_url) as store:
        store.flushall()
    upstreams = {owner: f"http://127.0.0.1:{recorder.ports[owner]}" for owner in OWNERS}
    house = House(folder, templates.url("gateway", database), store_url, upstreams)
    try:
        yield house
    finally:
        house.close()
        templates.drop(database)
