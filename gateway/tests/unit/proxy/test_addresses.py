"""Whose address counts."""

import pytest

from gateway.proxy.domain.addresses import client_address, counted_address
from gateway.proxy.domain.violations import ViolationError


def test_without_a_proxy_in_front_only_the_peer_counts() -> None:
    assert client_address("10.0.0.9", b"1.2.3.4", 0) == "10.0.0.9"


@pytest.mark.parametrize(
    ("header", "proxies", "address"),
    [
        (b"1.1.1.1", 1, "1.1.1.1"),
        (b"6.6.6.6, 1.1.1.1", 1, "1.1.1.1"),
        (b"6.6.6.6, 1.1.1.1, 2.2.2.2", 2, "1.1.1.1"),
        (b"[2001:db8::1]", 1, "2001:db8::1"),
        (b"2001:DB8:0::1", 1, "2001:db8::1"),
    ],
)
def test_behind_proxies_the_nth_from_the_right_counts(header: bytes, proxies: int, address: str) -> None:
    assert client_address("127.0.0.1", header, proxies) == address


@pytest.mark.parametrize("header", [b"", b"a", b"unknown", b"1.1.1.1:80", b"1.1.1", b"1.1.1.1, ", b"1.1.1.1 2.2.2.2"])
def test_an_entry_that_is_no_address_is_refused(header: bytes | None) -> None:
    with pytest.raises(ViolationError):
        client_address("127.0.0.1", header, 1)


def test_a_header_with_fewer_entries_than_proxies_is_refused() -> None:
    with pytest.raises(ViolationError):
        client_address("127.0.0.1", b"1.1.1.1", 2)


def test_an_ipv6_caller_is_counted_as_its_network() -> None:
    assert counted_address("2001:db8:1:2:3::4") == counted_address("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert counted_address("2001:db8:1:3::1") != counted_address("2001:db8:1:2::1")
    assert counted_address("::ffff:1.2.3.4") == counted_address("1.2.3.4") == "1.2.3.4"


def test_a_caller_from_inside_comes_past_the_proxies() -> None:
    assert client_address("10.0.0.9", None, 1) == "10.0.0.9"
