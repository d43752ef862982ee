"""Free loopback ports, outside the range the kernel hands to outgoing connections."""

import random
import socket
import urllib.error
import urllib.request

from local.errors import LocalError

LOOPBACK = "127.0.0.1"
_FIRST, _LAST = 15_000, 31_999
_random = random.SystemRandom()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return not accepts_connections(port)


def accepts_connections(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_port(preferred: int | None = None) -> int:
    """The preferred port when it is free, otherwise a random free one."""
    if preferred is not None and is_free(preferred):
        return preferred
    for _ in range(200):
        port = _random.randint(_FIRST, _LAST)
        if is_free(port):
            return port
    raise LocalError(f"No free port found on {LOOPBACK} between {_FIRST} and {_LAST}.")


def answers(url: str) -> bool:
    """Whether an HTTP server answers 200 there within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # always http on the loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
