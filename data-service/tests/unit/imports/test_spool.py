"""Uploads on their way to disk."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from data_service.imports.adapters.spool import Spool
from data_service.imports.errors import EmptyFileError, FileTooLargeError, UploadBrokenOffError


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def endless(part: bytes) -> AsyncIterator[bytes]:
    while True:
        yield part


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_an_upload_is_kept_counted_and_hashed(tmp_path: Path) -> None:
    spool, import_id = Spool(tmp_path, 1000), uuid4()
    upload = await spool.receive(import_id, chunks(b"ab", b"", b"c"), 3)
    assert (upload.size_bytes, upload.sha256) == (3, hashlib.sha256(b"abc").hexdigest())
    assert spool.path(import_id).read_bytes() == b"abc"


async def test_a_declared_size_beyond_the_limit_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    async def explosive() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    with pytest.raises(FileTooLargeError):
        await Spool(tmp_path, 1000).receive(uuid4(), explosive(), 2 << 30)
    assert names(tmp_path) == set()


async def test_an_endless_upload_is_cut_off_at_the_limit_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileTooLargeError):
        await Spool(tmp_path, 5 << 20).receive(uuid4(), endless(b"x" * 65536), None)
    assert names(tmp_path) == set()


async def test_an_empty_upload_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError):
        await Spool(tmp_path, 1000).receive(uuid4(), chunks(), 0)
    assert names(tmp_path) == set()


async def test_an_upload_that_ends_early_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UploadBrokenOffError):
        await Spool(tmp_path, 1000).receive(uuid4(), chunks(b"abc"), 10)
    assert names(tmp_path) == set()


async def test_only_old_uploads_nobody_waits_for_are_swept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1000)
    wanted, orphan, fresh = uuid4(), uuid4(), uuid4()
    for import_id in (wanted, orphan, fresh):
        await spool.receive(import_id, chunks(b"x"), None)
    for import_id in (wanted, orphan):
        os.utime(spool.path(import_id), (0, 0))
    assert await spool.sweep([wanted], older_than_seconds=60) == 1
    assert names(tmp_path) == {spool.path(wanted).name, spool.path(fresh).name}
