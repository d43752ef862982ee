"""The encrypted container of a backup: AES-256-GCM in chunks, so that a file of any size streams in constant memory.

    header: magic "PROCBKP1" · key id (8) · salt (32) · chunk size (4, big endian)
    chunk:  nonce = chunk number (11) ‖ last flag (1); associated data = the header; plaintext of chunk size, the last
            one shorter; ciphertext followed by its 16-byte tag

A key of its own is derived for every file (HKDF-SHA256 over the salt), so numbered nonces never repeat under one key.
The flag of the last chunk makes truncation at a chunk boundary visible.
Source: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance" (2015), construction STREAM.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"PROCBKP1"
KEY_BYTES = 32
CHUNK_BYTES = 1 << 20
_TAG_BYTES = 16
_HEADER = struct.Struct(">8s8s32sI")


class KeyFormatError(ValueError):
    """The key file does not hold 32 bytes, plain, in base64 or in hexadecimal."""


class WrongKeyError(ValueError):
    """The file was encrypted with another key."""


class DamagedContainerError(ValueError):
    """The file is not a backup, or not what was written: changed or cut."""


@dataclass(frozen=True)
class BackupKey:
    secret: bytes

    @classmethod
    def parse(cls, content: bytes) -> "BackupKey":
        """Raises: KeyFormatError."""
        if len(content) == KEY_BYTES:
            return cls(content)
        text = content.strip()
        for decode in (bytes.fromhex, lambda value: base64.b64decode(value, validate=True)):
            try:
                secret = decode(text.decode("ascii"))
            except (ValueError, binascii.Error):
                continue
            if len(secret) == KEY_BYTES:
                return cls(secret)
        raise KeyFormatError("expected 32 bytes, as they are, in base64 or in hexadecimal")

    @property
    def id(self) -> str:
        """Tells keys apart without saying anything about them."""
        return self._derive(b"key id", b"")[:8].hex()

    def cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(self._derive(b"content", salt))

    def authenticate(self, message: bytes) -> str:
        """HMAC-SHA256 of a manifest, hexadecimal."""
        return hmac.new(self._derive(b"manifest", b""), message, hashlib.sha256).hexdigest()

    def _derive(self, purpose: bytes, salt: bytes) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=salt, info=b"procurement backup: " + purpose).derive(self.secret)


class Writable(Protocol):
    def write(self, data: bytes, /) -> object:
        """All of it, or an error."""
        ...


class EncryptingWriter:
    """Encrypts what it is given into `file`; `finish` seals the container. Keeps SHA-256 and size of what it wrote."""

    def __init__(self, file: Writable, key: BackupKey, chunk_bytes: int = CHUNK_BYTES) -> None:
        salt = secrets.token_bytes(32)
        self._file = file
        self._cipher = key.cipher(salt)
        self._header = _HEADER.pack(MAGIC, bytes.fromhex(key.id), salt, chunk_bytes)
        self._chunk_bytes = chunk_bytes
        self._pending = bytearray()
        self._chunks = 0
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.plain_bytes = 0
        self._put(self._header)

    def write(self, data: bytes) -> None:
        self.plain_bytes += len(data)
        self._pending += data
        # The last chunk is only known at the end, so one is always held back.
        while len(self._pending) > self._chunk_bytes:
            self._seal(bytes(self._pending[: self._chunk_bytes]), last=False)
            del self._pending[: self._chunk_bytes]

    def finish(self) -> str:
        """Returns the SHA-256 of the whole container, hexadecimal."""
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()
        return self._digest.hexdigest()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._put(self._cipher.encrypt(_nonce(self._chunks, last=last), plain, self._header))
        self._chunks += 1

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size_bytes += len(data)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def decrypt(file: Readable, key: BackupKey) -> Iterator[bytes]:
    """The plaintext, chunk by chunk; a chunk is only handed out once it is proven.

    Raises:
        WrongKeyError: before the first chunk.
        DamagedContainerError: at the first chunk that is not what was written, or at the end of a cut file.
    """
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(MAGIC):
        raise DamagedContainerError("it does not begin like a backup of this platform")
    _, key_id, salt, chunk_bytes = _HEADER.unpack(header)
    if key_id.hex() != key.id:
        raise WrongKeyError(f"it was encrypted with key {key_id.hex()}, the key given is {key.id}")
    if not 0 < chunk_bytes <= 64 << 20:
        raise DamagedContainerError("its header is damaged")
    cipher = key.cipher(salt)
    number = 0
    sealed = file.read(chunk_bytes + _TAG_BYTES)
    while True:
        following = file.read(chunk_bytes + _TAG_BYTES)
        last = not following
        try:
            yield cipher.decrypt(_nonce(number, last=last), sealed, header)
        except InvalidTag as error:
            raise DamagedContainerError(
                f"chunk {number + 1} is not what was written: the file was changed or cut"
            ) from error
        if last:
            return
        sealed = following
        number += 1


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
