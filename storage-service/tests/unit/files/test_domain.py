"""Kinds by content, names, ranges, digests."""

import hashlib
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_service.files.domain import (
    CHUNK_BYTES,
    OCTET_STREAM,
    PLAIN_TEXT,
    ByteRange,
    ContentDigest,
    UnsatisfiableRangeError,
    chunks_of,
    content_disposition,
    contradicts,
    is_intact,
    parse_range,
    safe_name,
    sniff,
)


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"%PDF-1.4", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\x1f\x8b\x08", "application/gzip"),
        (zipped("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (zipped("readme"), "application/zip"),
        (b"MZ\x90\x00", "application/x-msdownload"),
        ("артикул;количество\n".encode(), PLAIN_TEXT),
        ("артикул;количество\n".encode("cp1251"), PLAIN_TEXT),
        (b"<html><script>alert(1)</script>", PLAIN_TEXT),
        (("я" * 4096).encode()[:4096], PLAIN_TEXT),
        (b"\x00\x01\x02", OCTET_STREAM),
        (b"abc\x07", OCTET_STREAM),
    ],
)
def test_the_content_decides_the_kind(head: bytes, media_type: str) -> None:
    assert sniff(head) == media_type


@pytest.mark.parametrize(
    ("name", "media_type", "wrong"),
    [
        ("a.png", "application/x-msdownload", True),
        ("a.PNG", "image/png", False),
        ("a.dat", OCTET_STREAM, False),
        ("csv", OCTET_STREAM, False),
    ],
)
def test_only_a_promise_can_be_broken(name: str, media_type: str, wrong: bool) -> None:
    assert contradicts(name, media_type) is wrong


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\report.xlsx", "report.xlsx"),
        ('a"b\r\nc.txt', "a_b_c.txt"),
        ("...", "file"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("отчёт.csv", "отчёт.csv"),
    ],
)
def test_a_name_loses_what_could_hurt(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(min_size=1))
def test_any_name_is_safe_in_a_header(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 200
    assert "/" not in safe
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("я" * 300 + ".xlsx").endswith("я.xlsx")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=5-", ByteRange(5, 10)),
        ("bytes=5-999", ByteRange(5, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        ("bytes=0-1,3-4", None),
        ("bytes=7-2", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges_mean_what_the_standard_says(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_outside_is_unsatisfiable(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, 10)


@given(st.lists(st.binary(max_size=70_000), max_size=40))
def test_digests_do_not_depend_on_how_the_content_arrives(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    digest = ContentDigest()
    for piece in pieces:
        digest.update(piece)
    whole, chunks = digest.finish()
    assert whole == hashlib.sha256(content).hexdigest()
    assert digest.size_bytes == len(content)
    assert all(
        is_intact(content[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES], number, chunks)
        for number in range(len(chunks) // 32)
    )


def test_a_changed_chunk_is_not_intact() -> None:
    digest = ContentDigest()
    digest.update(bytes(CHUNK_BYTES + 1))
    _, chunks = digest.finish()
    assert is_intact(bytes(1), 1, chunks)
    assert not is_intact(b"\x01", 1, chunks)
    assert not is_intact(b"", 1, chunks)


@given(st.integers(0, 5 * CHUNK_BYTES), st.integers(1, 3 * CHUNK_BYTES))
def test_the_parts_of_a_range_add_up(start: int, length: int) -> None:
    span = ByteRange(start, start + length)
    parts = list(chunks_of(span))
    assert sum(part.stop - part.start for _, part in parts) == length
    first, _ = parts[0]
    assert first * CHUNK_BYTES + parts[0][1].start == start
