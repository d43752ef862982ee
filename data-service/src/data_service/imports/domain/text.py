"""Bytes of a file, plain or gzip, in whatever encoding, as blocks of UTF-8 text; every line ends in a line feed."""

import codecs
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.problems import UnreadableFileError

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 256 << 10
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FOREIGN_FORMATS = (
    (b"PK\x03\x04", "a ZIP archive or an XLSX workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
)


def read_text_blocks(stream: BinaryIO, limits: ReadLimits) -> Iterator[bytes]:
    """Blocks of about `limits.block_bytes` of UTF-8; bytes that are no text in the file's encoding become U+FFFD."""
    decoder = _TextDecoder()
    pending: list[bytes] = []
    size_bytes = 0
    for chunk in _unpacked(stream, limits):
        piece = decoder.decode(chunk, final=False)
        pending.append(piece)
        size_bytes += len(piece)
        if size_bytes >= limits.block_bytes:
            yield b"".join(pending)
            pending.clear()
            size_bytes = 0
    pending.append(decoder.decode(b"", final=True))
    last = b"".join(pending)
    if last:
        yield last


def _unpacked(stream: BinaryIO, limits: ReadLimits) -> Iterator[bytes]:
    first = stream.read(_CHUNK_BYTES)
    if not first.strip(b"\0"):
        raise UnreadableFileError("empty_file", "Empty file", "The file has no content; send a file with a header row.")
    chunks = _gunzipped(first, stream, limits) if first.startswith(_GZIP_MAGIC) else _plain(first, stream)
    unpacked_bytes = 0
    for chunk in chunks:
        if unpacked_bytes == 0:
            _refuse_foreign_formats(chunk)
        unpacked_bytes += len(chunk)
        if unpacked_bytes > limits.max_unpacked_bytes:
            raise UnreadableFileError(
                "file_too_large_unpacked",
                "File too large when unpacked",
                f"The file unpacks to more than {limits.max_unpacked_bytes} bytes; split it into smaller files.",
            )
        yield chunk


def _plain(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    chunk = first
    while chunk:
        yield chunk
        chunk = stream.read(_CHUNK_BYTES)


def _gunzipped(first: bytes, stream: BinaryIO, limits: ReadLimits) -> Iterator[bytes]:
    """One bounded piece at a time, members of a multi-member archive one after another."""
    inflater = zlib.decompressobj(wbits=31)
    packed = first
    while True:
        try:
            chunk = inflater.decompress(packed, min(limits.block_bytes, 4 * _CHUNK_BYTES))
        except zlib.error as error:
            raise _broken_gzip("is damaged") from error
        if chunk:
            yield chunk
        if inflater.eof:
            packed = (inflater.unused_data or stream.read(_CHUNK_BYTES)).lstrip(b"\0")
            if not packed:
                return
            if not packed.startswith(_GZIP_MAGIC):
                raise _broken_gzip("is followed by something that is not gzip")
            inflater = zlib.decompressobj(wbits=31)
            continue
        packed = inflater.unconsumed_tail or stream.read(_CHUNK_BYTES)
        if not packed:
            raise _broken_gzip("ends in the middle")


def _broken_gzip(what: str) -> UnreadableFileError:
    return UnreadableFileError(
        "broken_gzip", "Broken gzip file", f"The gzip data {what}; pack and send the file again."
    )


def _refuse_foreign_formats(head: bytes) -> None:
    for magic, name in _FOREIGN_FORMATS:
        if head.startswith(magic):
            raise UnreadableFileError(
                "unsupported_format",
                "Unsupported file format",
                f"The file is {name}; save it as CSV (plain or gzip) and send that.",
            )
    sample = head[:4096]
    control = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    if control * 10 > len(sample) and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableFileError(
            "unsupported_format",
            "Unsupported file format",
            "The file is binary, not text; save the table as CSV in UTF-8 and send that.",
        )


class _TextDecoder:
    """Decides between UTF-8 and cp1251 at the first byte outside ASCII, which may come late in a file."""

    def __init__(self) -> None:
        self._newlines: io.IncrementalNewlineDecoder | None = None
        self._tail = b""

    def decode(self, chunk: bytes, *, final: bool) -> bytes:
        if self._newlines is None:
            chunk = self._tail + chunk
            self._tail = b""
            if not final and chunk[:-3].isascii() and not chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return self._ascii(chunk)
            encoding = _encoding_of(chunk)
            decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
            self._newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
        return self._newlines.decode(chunk, final=final).encode()

    def _ascii(self, chunk: bytes) -> bytes:
        """All but the last bytes, which may be the beginning of a character or of a line end."""
        chunk, self._tail = chunk[:-3], chunk[-3:]
        if chunk.endswith(b"\r"):
            chunk, self._tail = chunk[:-1], b"\r" + self._tail
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk


def _encoding_of(chunk: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if chunk.startswith(mark):
            return encoding
    if chunk.isascii():
        return "ascii"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(chunk)
    except UnicodeDecodeError:
        return "utf-8" if _is_damaged_utf8(chunk) else "cp1251"
    return "utf-8"


def _is_damaged_utf8(chunk: bytes) -> bool:
    """Text in cp1251 has next to no byte sequences that happen to be UTF-8."""
    decoded = chunk.decode("utf-8", errors="replace")
    damaged = decoded.count("\ufffd")
    multibyte = sum(character > "\x7f" for character in decoded) - damaged
    return multibyte >= damaged
