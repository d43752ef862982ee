"""Bytes to text: encodings, archives, line ends, limits."""

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.problems import UnreadableFileError
from data_service.imports.domain.text import read_text_blocks

RUSSIAN = "дата;код;кол-во\n20.07.2013;Ж-1;3\n"


def read(data: bytes, **limits: int) -> str:
    return b"".join(read_text_blocks(io.BytesIO(data), ReadLimits(**limits))).decode()


def problem_of(data: bytes, **limits: int) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as caught:
        read(data, **limits)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("packed", [False, True])
def test_common_encodings_are_recognized_packed_or_not(encoding: str, packed: bool) -> None:
    data = RUSSIAN.encode(encoding)
    assert read(gzip.compress(data) if packed else data) == RUSSIAN


def test_big_endian_utf16_with_a_mark_is_read() -> None:
    assert read(b"\xfe\xff" + RUSSIAN.encode("utf-16-be")) == RUSSIAN


def test_an_encoding_that_shows_only_late_in_the_file_is_still_recognized() -> None:
    text = "a,b\n" * 200_000 + "склад,1\n"
    assert read(text.encode("cp1251")).endswith("склад,1\n")
    assert read(text.encode()).endswith("склад,1\n")


def test_one_damaged_byte_in_utf8_text_does_not_turn_it_into_another_encoding() -> None:
    text = read(RUSSIAN.encode() * 10 + b"\xff\n" + RUSSIAN.encode() * 10)
    assert "кол-во" in text
    assert text.count("\ufffd") == 1


@given(st.lists(st.sampled_from(["a", "ж", "\n", "\r\n", "\r", "🙂"])), st.integers(1, 7))
def test_every_line_end_becomes_a_line_feed_wherever_chunks_are_cut(pieces: list[str], size: int) -> None:
    text = "x\n" + "".join(pieces)

    class Trickle(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            return super().read(size)

    got = b"".join(read_text_blocks(Trickle(text.encode()), ReadLimits())).decode()
    assert got == text.replace("\r\n", "\n").replace("\r", "\n")


def test_members_of_a_gzip_archive_are_read_one_after_another() -> None:
    assert read(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n") + b"\0" * 512) == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (gzip.compress(b"a,b\n" * 1000)[:-20], "ends in the middle"),
        (gzip.compress(b"a,b\n") + b"junk", "followed by"),
        (b"\x1f\x8b" + b"not gzip at all", "damaged"),
    ],
    ids=["cut short", "trailing junk", "no gzip inside"],  # the archives hold the time they were made at
)
def test_a_broken_archive_is_refused_with_the_reason(data: bytes, word: str) -> None:
    problem = problem_of(data)
    assert problem.code == "broken_gzip"
    assert word in problem.detail


def test_a_decompression_bomb_is_refused_once_it_passes_the_limit() -> None:
    bomb = gzip.compress(b"0," * 5_000_000)
    assert len(bomb) < 20_000
    assert problem_of(bomb, max_unpacked_bytes=1 << 20).code == "file_too_large_unpacked"


@pytest.mark.parametrize("data", [b"PK\x03\x04rest", b"%PDF-1.7", b"PAR1....", bytes(range(32)) * 20])
def test_what_is_no_text_is_refused_by_name(data: bytes) -> None:
    problem = problem_of(data)
    assert problem.code == "unsupported_format"
    assert "CSV" in problem.detail


@pytest.mark.parametrize("data", [b"", b"\0\0\0"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    assert problem_of(data).code == "empty_file"
