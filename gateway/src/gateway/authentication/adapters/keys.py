"""The signing keys: read from a PEM file, again whenever it changes, and published as JWKS."""

import base64
import hashlib
import json
import math
import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.resources import SigningKeys

_PEM_BLOCK = re.compile(rb"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


class SigningKeyError(ValueError):
    """The signing keys cannot be used; the process must not start."""


def load_signing_keys(path: Path | None, *, required: bool) -> tuple[Ed25519PrivateKey, ...]:
    """The first key signs, all of them verify: to rotate, put the new one first and drop the old one later.

    Without a file, and not `required`, a key is made that lives as long as the process.

    Raises: SigningKeyError.
    """
    if path is None:
        if required:
            raise SigningKeyError("GATEWAY_SIGNING_KEY_FILE is not set: give a PEM file with an Ed25519 private key.")
        return (Ed25519PrivateKey.generate(),)
    try:
        blocks = _PEM_BLOCK.findall(path.read_bytes())
        keys = [load_pem_private_key(block, password=None) for block in blocks]
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"The keys in {path.name} cannot be read: {error}") from error
    ours = tuple(key for key in keys if isinstance(key, Ed25519PrivateKey))
    if not ours or len(ours) != len(keys):
        raise SigningKeyError(f"{path.name} must hold Ed25519 private keys (PEM) and nothing else.")
    return ours


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _coordinate(key: Ed25519PublicKey) -> str:
    return _base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def key_id(key: Ed25519PublicKey) -> str:
    """The key's thumbprint. Source: RFC 7638, section 3; RFC 8037, appendix A.3."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": _coordinate(key)}
    return _base64url(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())[:22]


class KeyRing:
    """The keys in force at this moment, ready for use; also the source of keys for this process's own routes."""

    def __init__(self, source: SigningKeys) -> None:
        self._source = source
        self._public: dict[str, Ed25519PublicKey] = {}
        self._of: tuple[Ed25519PrivateKey, ...] = ()

    @property
    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        """By key id, the signing key first."""
        if self._source.current is not self._of:
            self._of = self._source.current
            self._public = {key_id(key.public_key()): key.public_key() for key in self._of}
        return self._public

    @property
    def signing_key(self) -> tuple[str, Ed25519PrivateKey]:
        """With its id."""
        return next(iter(self.public_keys)), self._of[0]

    async def key(self, key_id: str) -> Ed25519PublicKey | None:
        return self.public_keys.get(key_id)

    async def close(self) -> None:
        """Nothing is open."""

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        return {
            "keys": [
                {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": _coordinate(key)}
                for kid, key in self.public_keys.items()
            ]
        }


class KeyFile:
    """The signing keys as their file says now.

    A key that comes to stand first verifies at once but signs only `settle_seconds` later, as long as the one that
    signed until then is still in the file: by then every process and every service knows it.
    """

    def __init__(self, path: Path, keys: SigningKeys, settle_seconds: float) -> None:
        self._path = path
        self._keys = keys
        self._settle_seconds = settle_seconds
        self._known_since = {key_id(key.public_key()): -math.inf for key in keys.current}

    def read(self, now: float) -> bool:
        """Whether other keys are in force from here on; `now` is monotonic. Blocks. Raises: SigningKeyError."""
        wanted = {key_id(key.public_key()): key for key in load_signing_keys(self._path, required=True)}
        self._known_since = {kid: self._known_since.get(kid, now) for kid in wanted}
        settled = (kid for kid in wanted if now - self._known_since[kid] >= self._settle_seconds)
        first = next(settled, next(iter(wanted)))
        order = [first, *(kid for kid in wanted if kid != first)]
        if order == [key_id(key.public_key()) for key in self._keys.current]:
            return False
        self._keys.current = tuple(wanted[kid] for kid in order)
        return True
