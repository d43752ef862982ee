"""The settings of every service on one machine, composed from the infrastructure, the ports and the secrets."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from local.infrastructure.ports import LOOPBACK
from local.infrastructure.stack import Infrastructure
from local.infrastructure.state import StateFolder
from local.services import GATEWAY, SERVICES, Service

DATABASE = "procurement"
ADMIN_EMAIL = "admin@procurement.local"
_NOT_PASSED_ON = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "PROCUREMENT_")
_ALIASES = {
    "notification": {"TELEGRAM_TOKEN": "TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN": "TELEGRAM_TOKEN"},
    "storage": {
        "GOOGLE_APPLICATION_CREDENTIALS": "GOOGLE_CREDENTIALS_FILE",
        "GOOGLE_SPREADSHEET_KEY": "GOOGLE_SPREADSHEET_KEY",
    },
}


class Environment:
    """What the user has set with a service's own prefix wins over everything composed here."""

    def __init__(
        self, state: StateFolder, infrastructure: Infrastructure, ports: Mapping[str, int], user: Mapping[str, str]
    ) -> None:
        self._state = state
        self._infrastructure = infrastructure
        self._ports = ports
        self._user = user

    @property
    def gateway_url(self) -> str:
        return self.url_of(GATEWAY)

    def url_of(self, service: Service) -> str:
        return f"http://{LOOPBACK}:{self._ports[service.owner]}"

    def database_password(self, service: Service) -> str:
        return self._state.secret(f"{service.owner}_database_password")

    def of(self, service: Service) -> dict[str, str]:
        composed = {f"{service.prefix}{name}": value for name, value in self._settings(service).items()}
        return {**self._passed_on(service), **composed, **self._set_by_user(service)}

    def _settings(self, service: Service) -> dict[str, str]:
        own = {
            "gateway": self._gateway,
            "data": self._data,
            "forecast": self._forecast,
            "notification": self._notification,
            "monitoring": self._monitoring,
            "storage": self._storage,
        }.get(service.owner)
        return {**self._common(service), **(own() if own else {})}

    def _common(self, service: Service) -> dict[str, str]:
        database_url = self.database_url(service)
        return {
            "ENVIRONMENT": "local",
            "HOST": LOOPBACK,
            "PORT": str(self._ports[service.owner]),
            "DATABASE_URL": database_url,
            "REDIS_URL": self._infrastructure.redis_url,
            "BROKER_URL": self._infrastructure.broker_url or database_url,
            "GATEWAY_URL": self.gateway_url,
            "CLIENT_ID": service.owner,
            "CLIENT_SECRET": self._state.secret(f"{service.owner}_client_secret"),
            "WORKER_IN_PROCESS": "true",
        }

    def database_url(self, service: Service) -> str:
        parts = urlsplit(self._infrastructure.admin_database_url)
        host = parts.netloc.rpartition("@")[2]
        login = f"procurement_{service.owner}:{quote(self.database_password(service), safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{host}", path=f"/{DATABASE}"))

    def _gateway(self) -> dict[str, str]:
        upstreams = {
            f"UPSTREAMS__{service.owner.upper()}": self.url_of(service) for service in SERVICES if service != GATEWAY
        }
        clients = {service.owner: self._state.secret(f"{service.owner}_client_secret") for service in SERVICES}
        return {
            **upstreams,
            "SERVICE_CLIENTS": json.dumps(clients),
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": self._state.secret("admin_password"),
            "SIGNING_KEY_FILE": str(signing_key_file(self._state)),
            "DRAIN_SECONDS": "0",  # nobody else could serve meanwhile
        }

    def _data(self) -> dict[str, str]:
        return {"SPOOL_DIRECTORY": str(self._state.root / "spool")}

    def _forecast(self) -> dict[str, str]:
        return {"SPOOL_DIRECTORY": str(self._state.root / "forecast")}

    def _notification(self) -> dict[str, str]:
        return {"PUBLIC_URL": self.gateway_url}

    def _monitoring(self) -> dict[str, str]:
        targets = {service.name: f"{self.url_of(service)}/health/ready" for service in SERVICES}
        return {"TARGETS": json.dumps(targets), "ALERT_WEBHOOK_TOKEN": self._state.secret("alert_webhook_token")}

    def _storage(self) -> dict[str, str]:
        admin = urlsplit(self._infrastructure.admin_database_url)
        settings = {
            "FILES_DIRECTORY": str(self._state.files),
            "BACKUPS_DIRECTORY": str(self._state.backups),
            "BACKUP_DATABASE_URL": urlunsplit(admin._replace(path=f"/{DATABASE}")),
            "BACKUP_KEY_FILE": str(backup_key_file(self._state)),
        }
        if self._infrastructure.postgres_binaries:
            settings["PG_BIN_DIRECTORY"] = str(self._infrastructure.postgres_binaries)
        return settings

    def _passed_on(self, service: Service) -> dict[str, str]:
        """The user's environment without the other services' settings and without the superuser's address."""
        foreign = tuple(other.prefix for other in SERVICES if other != service)
        passed = {name: value for name, value in self._user.items() if not name.startswith((*_NOT_PASSED_ON, *foreign))}
        for name, setting in _ALIASES.get(service.owner, {}).items():
            if self._user.get(name):
                passed[f"{service.prefix}{setting}"] = self._user[name]
        return {"MALLOC_ARENA_MAX": "2", **passed}

    def _set_by_user(self, service: Service) -> dict[str, str]:
        return {name: value for name, value in self._user.items() if name.startswith(service.prefix)}


def signing_key_file(state: StateFolder) -> Path:
    """The gateway's Ed25519 private key, made once."""
    path = state.secrets / "gateway_signing_key.pem"
    if not path.exists():
        key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        state.write_secret(path.name, key.decode())
    return path


def backup_key_file(state: StateFolder) -> Path:
    """32 random bytes in base64, made once; without this file no backup can be read."""
    path = state.secrets / "backup_key"
    if not path.exists():
        state.write_secret(path.name, base64.b64encode(secrets.token_bytes(32)).decode() + os.linesep)
    return path
