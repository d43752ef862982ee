"""Calls to a server trusted for one purpose only."""

import httpx
import pytest

from gateway.authentication.adapters.guarded_http import GuardedTransport, UnsafeAnswerError


@pytest.mark.parametrize(
    ("url", "require_https"),
    [("http://127.0.0.1:9/", True), ("ftp://127.0.0.1/", True), ("ftp://127.0.0.1/", False), ("file://x/etc", False)],
)
async def test_only_https_is_spoken_where_it_is_needed_and_never_anything_but_http(
    url: str, require_https: bool
) -> None:
    transport = GuardedTransport(require_https=require_https)
    with pytest.raises(UnsafeAnswerError):
        await transport.handle_async_request(httpx.Request("GET", url))
    await transport.aclose()
