"""Patterns of event names, and addresses of the channels."""

import difflib
import re
from collections.abc import Collection, Sequence
from typing import Literal, get_args

ChannelName = Literal["telegram", "console"]
CHANNELS: tuple[ChannelName, ...] = get_args(ChannelName)

_VERSION = re.compile(r"\.v[1-9][0-9]*$")
_CHAT_ID = re.compile(r"-?[1-9][0-9]{0,15}")
_CHAT_NAME = re.compile(r"@[A-Za-z][A-Za-z0-9_]{3,31}")
# Telegram promises that chat ids fit 52 bits.
_LARGEST_CHAT_ID = 2**52
_CONSOLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


# Events whose messages name articles, suppliers, orders or money of the whole company.
_ABOUT_ROWS = ("data.purchase-order.", "forecast.recommendations.", "forecast.stockout-risk.")


class PatternError(ValueError):
    """A pattern that no event of the platform matches."""


class AddressError(ValueError):
    """Not an address of the channel."""


def covering_patterns(name: str) -> tuple[str, ...]:
    """Every pattern that matches the event `name`; for `a.b.c`: `*`, `a.*`, `a.b.*` and itself."""
    words = name.split(".")
    return ("*", *(".".join(words[:count]) + ".*" for count in range(1, len(words))), name)


def matches(pattern: str, name: str) -> bool:
    return pattern in covering_patterns(name)


def names_about_rows(patterns: Sequence[str], names: Collection[str]) -> list[str]:
    """Those of the events matched by the patterns whose messages hold rows of data."""
    return sorted(
        name for name in names if name.startswith(_ABOUT_ROWS) and any(matches(pattern, name) for pattern in patterns)
    )


def normal_patterns(patterns: Sequence[str], names: Collection[str]) -> list[str]:
    """Without versions, repetitions and patterns that another one covers, sorted; `names` are the events there are.

    Raises:
        PatternError: a pattern matches none of `names`.
    """
    known = {_known(pattern, names) for pattern in patterns}
    return sorted(p for p in known if not any(other != p and _covers(other, p) for other in known))


def _known(pattern: str, names: Collection[str]) -> str:
    bare = _VERSION.sub("", pattern.strip())
    if any(matches(bare, name) for name in names):
        return bare
    near = difflib.get_close_matches(bare, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "GET /v1/templates lists the events there are."
    raise PatternError(f"no event is called {pattern!r}; {hint}")


def _covers(wide: str, narrow: str) -> bool:
    return wide == "*" or (wide.endswith(".*") and narrow.startswith(wide[:-1]))


def normal_address(channel: ChannelName, address: str) -> str:
    """Raises: AddressError saying what an address of the channel looks like."""
    bare = address.strip()
    if channel == "console":
        if not _CONSOLE_NAME.fullmatch(bare):
            raise AddressError("a console address is a name of up to 64 letters, digits, dots, dashes, _ and @")
        return bare
    is_id = _CHAT_ID.fullmatch(bare) is not None and abs(int(bare)) < _LARGEST_CHAT_ID
    if not is_id and not _CHAT_NAME.fullmatch(bare):
        raise AddressError(
            "a Telegram address is a chat id such as 123456789 or -1001234567890, or a public name such as @channel"
        )
    return bare
