"""The client's address, from the right-hand side of X-Forwarded-For and no further than our own proxies vouch for."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from gateway.proxy.domain.violations import ViolationError


def client_address(peer: str, forwarded_for: bytes | None, trusted_proxies: int) -> str:
    """With n trusted proxies, the n-th entry from the right; every entry left of it is only a claim.

    Without the header the caller came past the proxies, from inside (a service, a probe): the peer is the client.

    Raises: ViolationError 400 when that entry is not an address.
    """
    if trusted_proxies == 0 or forwarded_for is None:
        return peer
    entries = forwarded_for.split(b",")
    if len(entries) < trusted_proxies:
        raise ViolationError(400, "X-Forwarded-For has fewer entries than there are proxies in front.")
    text = entries[-trusted_proxies].strip().decode("latin-1")
    return _parsed(text)


@lru_cache(4096)
def _parsed(text: str) -> str:
    try:
        address = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ViolationError(400, "X-Forwarded-For holds something that is not an address.") from None
    return str(address)


@lru_cache(4096)
def counted_address(address: str) -> str:
    """What is counted as one caller: an IPv4 address, or the /64 network an IPv6 caller can roam in."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped is not None else str(IPv6Network((parsed, 64), strict=False))
    return address
