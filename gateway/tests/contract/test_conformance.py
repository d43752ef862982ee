"""The gateway's own routes keep the promises every service keeps."""

from collections.abc import Callable
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.app import create_app
from gateway.settings import Settings
from shared.testing.asgi import running
from shared.testing.conformance import check_service


async def test_the_gateways_own_routes_keep_the_common_promises(
    database_url_for: Callable[[str], str], redis_url: str, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    settings = Settings(
        database_url=database_url_for("gateway"),
        redis_url=redis_url,
        environment="test",
        signing_key_file=tmp_path / "key.pem",
    )
    app = create_app(settings)
    async with running(app) as transport, httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        await check_service(app, client, "gateway")
