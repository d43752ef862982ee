"""One hostile message, and what may become of it."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

Credentials = Literal["none", "forged", "valid"]
EVERYBODY: tuple[Credentials, ...] = ("none", "forged", "valid")
STRANGERS: tuple[Credentials, ...] = ("none", "forged")

# A genuine-looking claim to be somebody; the signature is of no key of ours.
FORGED = (
    b"X-Identity-Token: eyJhbGciOiJIUzI1NiIsInR5cCI6ImlkZW50aXR5In0.eyJzdWIiOiJmb3JnZWQiLCJyb2xlcyI6WyJhZG1pbiJdfQ.eA\r\n"
    b"X-User-Id: forged\r\nX-User-Roles: admin\r\nX_Forwarded_User: forged"
)


@dataclass(frozen=True)
class Payload:
    """`data` holds `{host}` and `{auth}`; the second becomes the caller's credentials, genuine or not.

    `refused`: statuses a caller with valid credentials may get instead of being served.
    `reaches`: request lines a service may see when the credentials are valid; none by default.
    `closes`: the connection must not be usable afterwards.
    `answers`: how many answers there may be at most; one more is a smuggled request.
    `cut`: a service may see the beginning of it, but never take it for complete.
    `silent`: there may be no answer, as the rest is still awaited.
    `front_accepts`: a proxy in front may make it well-formed, and it is then served.
    `pieces`: where to cut it into packets, `pause` seconds apart.
    """

    name: str
    family: str
    test: int
    data: bytes
    refused: frozenset[int] = frozenset({400})
    reaches: frozenset[str] = frozenset()
    credentials: tuple[Credentials, ...] = EVERYBODY
    closes: bool = False
    answers: int = 1
    cut: bool = False
    silent: bool = False
    front_accepts: bool = False
    public: bool = False
    head: bool = False
    seconds: float = 10.0
    pieces: tuple[int, ...] = ()
    pause: float = 0.0
    canary: bool = False

    def packets(self, data: bytes) -> list[bytes]:
        bounds = [0, *(bound for bound in self.pieces if bound < len(data)), len(data)]
        return [data[start:end] for start, end in itertools.pairwise(bounds)]


Kind = Literal["bypassed", "forged", "server_error", "unexpected"]


@dataclass(frozen=True)
class Finding:
    """Something that must not be, with the bytes that show it again."""

    kind: Kind
    payload: str
    credentials: str
    what: str
    sent: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        shown = self.sent if len(self.sent) < 700 else self.sent[:600] + b" ... " + self.sent[-60:]
        return f"{self.kind.upper()} {self.payload} [{self.credentials}]: {self.what}\n    sent: {shown!r}"


def spelled(payloads: Iterable[Payload]) -> list[Payload]:
    """Each once more in HTTP/1.0, and with its header names in upper and in lower case."""
    result: list[Payload] = []
    for payload in payloads:
        result.append(payload)
        head, separator, body = payload.data.partition(b"\r\n\r\n")
        old = replace(payload, name=f"{payload.name}, HTTP/1.0", data=payload.data.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        versions = [old] if old.data != payload.data else []
        for name, change in (("upper", bytes.upper), ("lower", bytes.lower)):
            lines = head.split(b"\r\n")
            changed = [_renamed(line, change) for line in lines[1:]]
            data = b"\r\n".join([lines[0], *changed]) + separator + body
            if data not in {payload.data, *(version.data for version in versions)}:
                versions.append(replace(payload, name=f"{payload.name}, {name} case", data=data))
        result += versions
    return result


def _renamed(line: bytes, change: object) -> bytes:
    name, colon, value = line.partition(b":")
    return line if name.startswith(b"{") or not colon else change(name) + colon + value  # type: ignore[operator]
