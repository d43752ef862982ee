"""The signing keys: read from a PEM file, published as JWKS."""

import base64
import hashlib
import json
import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_PEM_BLOCK = re.compile(rb"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


class SigningKeyError(ValueError):
    """The signing keys cannot be used; the process must not start."""


def load_signing_keys(path: Path | None, *, required: bool) -> tuple[Ed25519PrivateKey, ...]:
    """The first key signs, all of them verify: to rotate, put the new one first and drop the old one a month later.

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
    def __init__(self, keys: tuple[Ed25519PrivateKey, ...]) -> None:
        self.signing_key = keys[0]
        self.public_keys = {key_id(key.public_key()): key.public_key() for key in keys}
        self.signing_key_id = key_id(keys[0].public_key())

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        return {
            "keys": [
                {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": _coordinate(key)}
                for kid, key in self.public_keys.items()
            ]
        }
