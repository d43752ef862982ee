"""What chains the entries: the canonical encoding of each, its hash, the seal of a day."""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = bytes(32)  # what the very first entry follows
_ENCODING = "procurement-audit-1"
_SEAL_ENCODING = "procurement-audit-seal-1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it stands in the chain. `details` is the JSON text of the store, byte for byte."""

    id: UUID
    day: date
    sequence: int
    previous_hash: bytes
    hash: bytes
    occurred_at: datetime
    action: str
    succeeded: bool
    actor_kind: str | None
    actor_id: str | None
    actor_name: str | None
    acting_service: str | None
    target: str | None
    address: str
    request_id: str | None
    details: str

    def computed_hash(self) -> bytes:
        """Encoding 1, the one the store computes when it takes an entry: every value with its length, `-` for none."""
        values = (
            self.day.isoformat(),
            str(self.sequence),
            self.previous_hash.hex(),
            str(self.id),
            str((self.occurred_at - _EPOCH) // _MICROSECOND),
            self.action,
            "1" if self.succeeded else "0",
            self.actor_kind,
            self.actor_id,
            self.actor_name,
            self.acting_service,
            self.target,
            self.address,
            self.request_id,
            self.details,
        )
        return hashlib.sha256(_encoded(_ENCODING, values)).digest()


def _encoded(version: str, values: Iterable[str | None]) -> bytes:
    parts = [version.encode()]
    for value in values:
        if value is None:
            parts.append(b"-")
        else:
            data = value.encode("utf-8", "surrogatepass")
            parts.append(b"%d:%b" % (len(data), data))
    return b"".join(parts)


def canonical_json(value: Any) -> str:
    """The text PostgreSQL gives a jsonb value; numbers must be `json.loads`ed as `Number`. Source: jsonb.c, 16."""
    if isinstance(value, dict):
        ordered = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
        return "{" + ", ".join(f"{_quoted(name)}: {canonical_json(item)}" for name, item in ordered) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(canonical_json(item) for item in value) + "]"
    if isinstance(value, Number):
        return value.text
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class DayEnd:
    """How many entries a day has, and the hash of the last one."""

    day: date
    entries: int
    last_hash: bytes

    def signed_bytes(self) -> bytes:
        return _encoded(_SEAL_ENCODING, (self.day.isoformat(), str(self.entries), self.last_hash.hex()))


@dataclass(frozen=True, slots=True)
class Seal:
    end: DayEnd
    key_id: str
    signature: bytes

    def is_genuine(self, public_key: bytes | None) -> bool:
        """The key id is the key's thumbprint: another key under a known id is noticed."""
        if public_key is None or thumbprint(public_key) != self.key_id:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, self.end.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True


def thumbprint(public_key: bytes) -> str:
    """The id under which the JWKS publishes the key. Source: RFC 7638, section 3; RFC 8037, appendix A.3."""
    x = base64.urlsafe_b64encode(public_key).rstrip(b"=").decode()
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()[:22]
