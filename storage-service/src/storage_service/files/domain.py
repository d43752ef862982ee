"""Pure rules of files: kinds by content, safe names, byte ranges, digests of chunks."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

CHUNK_BYTES = 1 << 20
SNIFF_BYTES = 4096
_DIGEST_BYTES = 32

OCTET_STREAM = "application/octet-stream"
PLAIN_TEXT = "text/plain; charset=utf-8"
_ZIP = "application/zip"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"ARROW1\x00\x00", "application/vnd.apache.arrow.file"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/x-msdownload"),
)

# What a name of this ending must contain; other endings promise nothing.
_PROMISED: dict[str, frozenset[str]] = {
    "pdf": frozenset({"application/pdf"}),
    "png": frozenset({"image/png"}),
    "jpg": frozenset({"image/jpeg"}),
    "jpeg": frozenset({"image/jpeg"}),
    "gif": frozenset({"image/gif"}),
    "gz": frozenset({"application/gzip"}),
    "zip": frozenset({_ZIP, _XLSX, _DOCX}),
    "xlsx": frozenset({_XLSX, _ZIP}),
    "docx": frozenset({_DOCX, _ZIP}),
    "xls": frozenset({"application/x-ole-storage"}),
    "parquet": frozenset({"application/vnd.apache.parquet"}),
    "csv": frozenset({PLAIN_TEXT}),
    "txt": frozenset({PLAIN_TEXT}),
    "json": frozenset({PLAIN_TEXT}),
}

_UNSAFE_NAME = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_MAX_NAME_BYTES = 200
_RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")


def sniff(head: bytes) -> str:
    """The media type by the first `SNIFF_BYTES` of the content; what a sender says about it counts for nothing."""
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"PK\x03\x04"):
        return _office_or_zip(head)
    return PLAIN_TEXT if _is_text(head) else OCTET_STREAM


def _office_or_zip(head: bytes) -> str:
    if b"xl/" in head:
        return _XLSX
    return _DOCX if b"word/" in head else _ZIP


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    for encoding in ("utf-8", "cp1251"):
        try:
            text = head.decode(encoding)
        except UnicodeDecodeError as error:
            # A character cut at the end of the sample is not a fault.
            if encoding == "utf-8" and len(head) == SNIFF_BYTES and error.start >= len(head) - 3:
                return True
            continue
        return not any(unicodedata.category(character) == "Cc" and character not in "\t\r\n\f" for character in text)
    return False


def contradicts(name: str, media_type: str) -> bool:
    """True when the name's ending promises a kind that the content is not."""
    promised = _PROMISED.get(name.rpartition(".")[2].lower()) if "." in name else None
    return promised is not None and media_type not in promised


def safe_name(name: str) -> str:
    """A file name without paths, control and direction characters; never empty, at most 200 bytes, ending kept."""
    flat = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    flat = _UNSAFE_NAME.sub("_", flat.encode("utf-8", errors="replace").decode()).strip(" .")
    stem, dot, ending = flat.rpartition(".")
    if len(flat.encode()) > _MAX_NAME_BYTES:
        room = _MAX_NAME_BYTES - len((dot + ending).encode()) if stem and len(ending) <= 10 else 0
        body, tail = (stem, dot + ending) if room > 0 else (flat, "")
        flat = body.encode()[: room or _MAX_NAME_BYTES].decode(errors="ignore") + tail
    return flat or "file"


def content_disposition(name: str) -> str:
    """Always an attachment; the plain form for old clients, the RFC 8187 form with the true name."""
    safe = safe_name(name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


@dataclass(frozen=True)
class FileRecord:
    id: UUID
    name: str
    media_type: str
    sha256: str
    size_bytes: int
    owner: str | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class ContentRecord:
    sha256: str
    key: str
    size_bytes: int
    chunk_digests: bytes


@dataclass(frozen=True)
class ByteRange:
    """Half-open: bytes `start` … `end - 1`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


class UnsatisfiableRangeError(ValueError):
    """The range lies wholly outside the content."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """None for no range, several ranges, or one that is not understood: the whole content is then the right answer.

    Raises:
        UnsatisfiableRangeError
    Source: RFC 9110, section 14.
    """
    match = _RANGE.match(header.strip().replace(" ", "")) if header else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise UnsatisfiableRangeError(f"bytes {header} of {size}")
    return ByteRange(start, end)


class ContentDigest:
    """SHA-256 of a content and of each of its chunks, fed piece by piece."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._chunk = hashlib.sha256()
        self._in_chunk = 0
        self._chunks = bytearray()
        self.size_bytes = 0

    def update(self, data: bytes) -> None:
        self._whole.update(data)
        self.size_bytes += len(data)
        view = memoryview(data)
        while view:
            piece = view[: CHUNK_BYTES - self._in_chunk]
            self._chunk.update(piece)
            self._in_chunk += len(piece)
            view = view[len(piece) :]
            if self._in_chunk == CHUNK_BYTES:
                self._close_chunk()

    def finish(self) -> tuple[str, bytes]:
        """SHA-256 of the whole, hexadecimal, and the chunks' digests one after another."""
        if self._in_chunk or not self.size_bytes:
            self._close_chunk()
        return self._whole.hexdigest(), bytes(self._chunks)

    def _close_chunk(self) -> None:
        self._chunks += self._chunk.digest()
        self._chunk = hashlib.sha256()
        self._in_chunk = 0


def chunks_of(wanted: ByteRange) -> Iterator[tuple[int, slice]]:
    """Numbers of the chunks that hold the range, each with the part of it that is wanted."""
    for number in range(wanted.start // CHUNK_BYTES, (wanted.end - 1) // CHUNK_BYTES + 1):
        base = number * CHUNK_BYTES
        yield number, slice(max(0, wanted.start - base), min(CHUNK_BYTES, wanted.end - base))


def is_intact(chunk: bytes, number: int, digests: bytes) -> bool:
    expected = digests[number * _DIGEST_BYTES : (number + 1) * _DIGEST_BYTES]
    return hashlib.sha256(chunk).digest() == expected
