"""The encrypted container: what goes in comes out, and nothing else is ever taken for it."""

import base64
import io
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage_service.backups.domain.encryption import (
    BackupKey,
    DamagedContainerError,
    EncryptingWriter,
    KeyFormatError,
    WrongKeyError,
    decrypt,
)

KEY = BackupKey(bytes(range(32)))
CHUNK = 64
HEADER = 52
SEALED_CHUNK = CHUNK + 16


def sealed(content: bytes, key: BackupKey = KEY, pieces: int = 7) -> bytes:
    file = io.BytesIO()
    writer = EncryptingWriter(file, key, CHUNK)
    for start in range(0, len(content), pieces):
        writer.write(content[start : start + pieces])
    writer.finish()
    assert writer.size_bytes == len(file.getvalue())
    assert writer.plain_bytes == len(content)
    return file.getvalue()


def opened(container: bytes, key: BackupKey = KEY) -> bytes:
    return b"".join(decrypt(io.BytesIO(container), key))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1000])
def test_what_goes_in_comes_out(size: int) -> None:
    content = secrets.token_bytes(size)
    assert opened(sealed(content)) == content


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_every_flipped_bit_is_detected(data: st.DataObject) -> None:
    container = bytearray(sealed(b"x" * 200))
    position = data.draw(st.integers(0, len(container) - 1))
    container[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((DamagedContainerError, WrongKeyError)):
        opened(bytes(container))


@given(st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_every_truncation_is_detected(length: int) -> None:
    container = sealed(b"y" * 300)
    with pytest.raises(DamagedContainerError):
        opened(container[: min(length, len(container) - 1)])


def test_a_cut_at_the_end_of_a_chunk_is_detected() -> None:
    container = sealed(b"z" * (3 * CHUNK))
    with pytest.raises(DamagedContainerError):
        opened(container[: HEADER + SEALED_CHUNK])


def test_exchanged_chunks_are_detected() -> None:
    container = sealed(bytes(range(256)))
    first, second = HEADER + SEALED_CHUNK, HEADER + 2 * SEALED_CHUNK
    swapped = container[:HEADER] + container[first:second] + container[HEADER:first] + container[second:]
    with pytest.raises(DamagedContainerError):
        opened(swapped)


def test_appended_bytes_are_detected() -> None:
    with pytest.raises(DamagedContainerError):
        opened(sealed(b"content") + b"more")


def test_another_key_is_refused_by_name_before_anything_is_read() -> None:
    other = BackupKey(secrets.token_bytes(32))
    with pytest.raises(WrongKeyError, match=f"{KEY.id}.*{other.id}"):
        opened(sealed(b"secret"), other)


def test_the_same_content_never_looks_the_same_twice() -> None:
    assert sealed(b"same") != sealed(b"same")


def test_nothing_of_the_content_is_readable() -> None:
    assert b"supplier prices" not in sealed(b"supplier prices" * 50)


@pytest.mark.parametrize(
    "form", [bytes, lambda key: base64.b64encode(key) + b"\n", lambda key: key.hex().encode() + b"\r\n"]
)
def test_a_key_file_may_be_plain_base64_or_hexadecimal(form: object) -> None:
    assert BackupKey.parse(form(KEY.secret)) == KEY  # type: ignore[operator]


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"x" * 33, base64.b64encode(b"x" * 16), "ключ".encode()])
def test_anything_else_is_no_key(content: bytes) -> None:
    with pytest.raises(KeyFormatError):
        BackupKey.parse(content)
