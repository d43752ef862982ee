"""Writes the .env of docker-compose.yml: random secrets, made once, and the settings worth knowing.

    python local/src/local/compose_environment.py .env      # refuses to overwrite; mode 0600
    python -m local.compose_environment > .env

Standard library only: it runs before anything is installed.
"""

import base64
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

OWNERS = ("gateway", "data", "forecast", "notification", "monitoring", "storage")
# DER of a PKCS #8 private key of type Ed25519 up to its 32 secret bytes. Source: RFC 8410, sections 7 and 10.3.
_ED25519_PREFIX = bytes.fromhex("302e020100300506032b657004220420")


def signing_key() -> str:
    """An Ed25519 private key in PEM on one line, its line breaks escaped as .env files want them."""
    body = base64.b64encode(_ED25519_PREFIX + secrets.token_bytes(32)).decode()
    return f"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n"


def environment() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Settings and secrets of docker-compose.yml. Keep it: the volumes are useless without these passwords."
    yield ""
    yield "# Where people reach the platform, and the first administrator (created when there is no user at all)."
    yield "HTTP_PORT=8080"
    yield "HTTPS_PORT=8443"
    yield "NGINX_TLS=off"
    yield "NOTIFICATION_PUBLIC_URL=http://localhost:8080"
    yield "GATEWAY_ADMIN_EMAIL=admin@procurement.local"
    yield f"GATEWAY_ADMIN_PASSWORD={secrets.token_urlsafe(18)}"
    yield ""
    yield "# Telegram: without a token messages go to the log of notification-worker."
    yield "# NOTIFICATION_TELEGRAM_TOKEN="
    yield "# NOTIFICATION_TELEGRAM_API_BASE_URL=https://api.telegram.org"
    yield ""
    yield "# Servers."
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_ADMIN_PASSWORD"):
        yield f"{name}={secrets.token_hex(24)}"
    yield ""
    yield "# Each service's own role in PostgreSQL, user in RabbitMQ and credentials at the gateway."
    for owner in OWNERS:
        yield f"{owner.upper()}_DATABASE_PASSWORD={secrets.token_hex(24)}"
    for owner in OWNERS:
        yield f"{owner.upper()}_BROKER_PASSWORD={secrets.token_hex(24)}"
    for owner in OWNERS:
        yield f"{owner.upper()}_CLIENT_SECRET={secrets.token_hex(32)}"
    yield ""
    yield "# Keys: the gateway signs identities, Alertmanager shows a token, backups are encrypted."
    yield f'GATEWAY_SIGNING_KEY="{signing_key()}"'
    yield f"MONITORING_ALERT_WEBHOOK_TOKEN={secrets.token_hex(32)}"
    yield f"STORAGE_BACKUP_KEY={secrets.token_hex(32)}"


def _write_new_file(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SystemExit(f"{path} exists already. Its secrets open the volumes: it is never overwritten.") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(environment())


def _write_to_output() -> None:
    output = sys.stdout.fileno()
    status = os.fstat(output)
    if stat.S_ISREG(status.st_mode):
        if status.st_size:
            raise SystemExit("The output file is not empty: its secrets are never overwritten or mixed.")
        os.fchmod(output, 0o600)
    sys.stdout.write(environment())


def main(arguments: Sequence[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) > 1:
        raise SystemExit("usage: compose_environment.py [FILE]")
    if given:
        _write_new_file(Path(given[0]))
    else:
        _write_to_output()


if __name__ == "__main__":
    main()
