"""A client's way to a provider's real application in this process: what the gateway would change on it, and no more."""

import httpx
from pydantic import SecretStr

from shared.clients.http import GatewayClient
from shared.testing.identities import identity_token
from shared.web.identity import HEADER


class ThroughGateway(httpx.AsyncBaseTransport):
    """Hands out service tokens, maps `/api/v1/<prefix>/…` to `/v1/…` and signs an identity for the provider.

    `seen` keeps the forwarded requests.
    """

    def __init__(self, provider: httpx.AsyncBaseTransport, *, owner: str, prefix: str | None = None) -> None:
        self._provider = provider
        self._owner = owner
        self._prefix = f"/api/v1/{prefix or owner}/"
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/api/v1/auth/token":
            return httpx.Response(200, json={"access_token": "service", "expires_in": 900}, request=request)
        if not path.startswith(self._prefix):
            return httpx.Response(404, json={"code": "route_not_found", "detail": f"no route {path}"}, request=request)
        inner = request.url.copy_with(path="/v1/" + path.removeprefix(self._prefix))
        headers = {key: value for key, value in request.headers.items() if key not in {"authorization", "x-acting-for"}}
        roles = ["manager"] if "x-acting-for" in request.headers else ["service"]
        headers[HEADER] = identity_token(self._owner, kind="service", roles=roles)
        self.seen.append(request)
        return await self._provider.handle_async_request(
            httpx.Request(request.method, inner, headers=headers, stream=request.stream, extensions=request.extensions)
        )


def client_through_gateway(transport: ThroughGateway) -> GatewayClient:
    return GatewayClient("http://gateway", "tester", SecretStr("test-only"), transport=transport)
