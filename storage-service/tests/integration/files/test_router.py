"""Files through their routes, on a real database and a real folder."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from shared.testing.conformance import assert_problem
from shared.testing.identities import TEST_KEYS, identity_headers
from storage_service.app import create_app
from storage_service.files.service import create_file_service
from storage_service.resources import Resources, open_resources
from storage_service.settings import Settings

MEBIBYTE = 1 << 20
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40


def folder_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def upload(client: httpx.AsyncClient, content: bytes, filename: str = "report.pdf", **headers: str) -> Any:
    response = await client.post("/v1/files", params={"filename": filename}, content=content, headers=headers)
    assert response.status_code == 201, response.text
    return response.json()


def stored_objects(settings: Settings) -> list[Path]:
    return [path for path in settings.files_directory.rglob("*") if path.is_file()]


async def test_an_uploaded_file_comes_back_byte_for_byte(client: httpx.AsyncClient) -> None:
    content = b"%PDF-" + bytes(range(256)) * 12_000  # three chunks
    file = await upload(client, content)
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert file["size_bytes"] == len(content)
    assert file["media_type"] == "application/pdf"
    response = await client.get(f"/v1/files/{file['id']}/content")
    assert response.content == content
    assert response.headers["content-disposition"].startswith("attachment;")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-length"] == str(len(content))


async def test_equal_contents_are_kept_once_and_removed_with_their_last_file(
    client: httpx.AsyncClient, settings: Settings, resources: Resources
) -> None:
    first, second = await upload(client, PDF, "a.pdf"), await upload(client, PDF, "b.pdf")
    assert len(stored_objects(settings)) == 1
    assert (await client.delete(f"/v1/files/{first['id']}")).status_code == 204
    await make_removals_due(resources)
    assert (await client.get(f"/v1/files/{second['id']}/content")).content == PDF
    assert (await client.delete(f"/v1/files/{second['id']}")).status_code == 204
    await make_removals_due(resources)
    assert stored_objects(settings) == []
    assert_problem(await client.get(f"/v1/files/{second['id']}"), 404, "file_not_found")


async def make_removals_due(resources: Resources) -> None:
    async with resources.database.unit_of_work() as work:
        await work.session.execute(text("UPDATE storage.objects_to_remove SET due_at = now() - interval '1 second'"))
        await work.commit()
    await create_file_service(resources).sweep()


async def test_parallel_uploads_of_one_content_leave_one_object(
    client: httpx.AsyncClient, settings: Settings, resources: Resources
) -> None:
    files = await asyncio.gather(*(upload(client, PDF, f"{number}.pdf") for number in range(6)))
    assert len({file["id"] for file in files}) == 6
    await make_removals_due(resources)
    assert len(stored_objects(settings)) == 1
    for file in files:
        assert (await client.get(f"/v1/files/{file['id']}/content")).content == PDF


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=1048570-1048590", slice(1048570, 1048591)),
        ("bytes=-5", slice(-5, None)),
        ("bytes=2000000-", slice(2000000, None)),
    ],
)
async def test_a_range_is_served_and_checked(client: httpx.AsyncClient, header: str, expected: slice) -> None:
    content = bytes(range(256)) * 9_000
    file = await upload(client, content, "data.bin")
    response = await client.get(f"/v1/files/{file['id']}/content", headers={"Range": header})
    assert response.status_code == 206
    assert response.content == content[expected]
    start, _, _ = expected.indices(len(content))
    assert response.headers["content-range"] == f"bytes {start}-{start + len(response.content) - 1}/{len(content)}"


async def test_a_range_outside_the_file_is_refused(client: httpx.AsyncClient) -> None:
    file = await upload(client, PDF)
    response = await client.get(f"/v1/files/{file['id']}/content", headers={"Range": "bytes=99999999-"})
    assert_problem(response, 416, "range_not_satisfiable")
    assert response.headers["content-range"] == f"bytes */{len(PDF)}"


async def test_a_known_version_is_not_sent_again(client: httpx.AsyncClient) -> None:
    file = await upload(client, PDF)
    etag = f'"{file["sha256"]}"'
    response = await client.get(f"/v1/files/{file['id']}/content", headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")
    stale = {"Range": "bytes=0-1", "If-Range": '"another"'}
    assert (await client.get(f"/v1/files/{file['id']}/content", headers=stale)).status_code == 200


async def test_a_damaged_beginning_is_told_instead_of_sent(client: httpx.AsyncClient, settings: Settings) -> None:
    file = await upload(client, PDF)
    damage(settings, at=3)
    assert_problem(await client.get(f"/v1/files/{file['id']}/content"), 500, "file_damaged")


async def test_damage_further_on_breaks_the_transfer_off_before_the_damaged_part(settings: Settings) -> None:
    content = bytes(3 * MEBIBYTE)
    async with served(settings) as client:
        file = await upload(client, content, "zeros.bin")
        damage(settings, at=2 * MEBIBYTE + 5)
        good = await client.get(f"/v1/files/{file['id']}/content", headers={"Range": f"bytes=0-{2 * MEBIBYTE - 1}"})
        assert good.content == content[: 2 * MEBIBYTE]
        received = bytearray()
        with pytest.raises(httpx.RemoteProtocolError):
            await receive(client, f"/v1/files/{file['id']}/content", received)
    assert bytes(received) == content[: 2 * MEBIBYTE]


async def receive(client: httpx.AsyncClient, path: str, into: bytearray) -> None:
    async with client.stream("GET", path) as response:
        assert response.headers["content-length"] == str(3 * MEBIBYTE)
        async for chunk in response.aiter_bytes():
            into += chunk


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Over a real socket: only there can a transfer break off."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings, TEST_KEYS), log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    port = listener.getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=identity_headers("storage")) as client:
        yield client
    server.should_exit = True
    await serving


async def test_a_truncated_or_missing_object_is_told(client: httpx.AsyncClient, settings: Settings) -> None:
    file = await upload(client, PDF)
    (stored,) = stored_objects(settings)
    stored.write_bytes(PDF[:100])
    assert_problem(await client.get(f"/v1/files/{file['id']}/content"), 500, "file_damaged")
    stored.unlink()
    assert_problem(await client.get(f"/v1/files/{file['id']}/content"), 500, "file_damaged")


async def test_uploading_a_damaged_content_again_mends_every_file_that_has_it(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    file = await upload(client, PDF)
    damage(settings, at=0)
    await client.get(f"/v1/files/{file['id']}/content")
    again = await upload(client, PDF, "again.pdf")
    for each in (file, again):
        assert (await client.get(f"/v1/files/{each['id']}/content")).content == PDF


def damage(settings: Settings, at: int) -> None:
    (stored,) = stored_objects(settings)
    content = bytearray(stored.read_bytes())
    content[at] ^= 1
    stored.write_bytes(content)


async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    client_of: Callable[..., Any], settings_of: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = settings_of(files_max_bytes=1000)

    async def endless() -> Any:
        while True:
            yield bytes(400)

    async with client_of(settings) as client:
        response = await client.post("/v1/files", params={"filename": "a.bin"}, content=endless())
        assert_problem(response, 413, "file_too_large")
        assert (await client.get("/v1/files")).json()["items"] == []
    assert stored_objects(settings) == []
    assert folder_of(tmp_path) == {"files", "backup.key"}


async def test_wrong_uploads_are_named(client: httpx.AsyncClient) -> None:
    empty = await client.post("/v1/files", params={"filename": "a.bin"})
    assert_problem(empty, 422, "file_empty")
    lying = await client.post("/v1/files", params={"filename": "photo.png"}, content=b"MZ\x90\x00 not a picture")
    assert "photo.png" in assert_problem(lying, 415, "file_misnamed")["detail"]
    assert_problem(await client.post("/v1/files", content=b"x"), 422, "invalid_request")
    assert_problem(await client.post("/v1/files", params={"filename": ""}, content=b"x"), 422, "invalid_request")


async def test_a_name_cannot_leave_the_header(client: httpx.AsyncClient) -> None:
    evil = 'a"\r\nSet-Cookie: x=1;../../etc/отчёт.csv'
    file = await upload(client, b"a;b\r\n", evil)
    assert "/" not in file["name"]
    response = await client.get(f"/v1/files/{file['id']}/content")
    assert "set-cookie" not in response.headers
    disposition = response.headers["content-disposition"]
    assert disposition.count('"') == 2
    assert disposition.isascii()
    assert "filename*=UTF-8''" in disposition


async def test_bad_identifiers_cursors_and_limits_are_named(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/v1/files/not-a-uuid"), 422, "invalid_request")
    missing = "0192f000-0000-7000-8000-000000000000"
    assert_problem(await client.get(f"/v1/files/{missing}"), 404, "file_not_found")
    assert_problem(await client.get(f"/v1/files/{missing}/content"), 404, "file_not_found")
    assert_problem(await client.delete(f"/v1/files/{missing}"), 404, "file_not_found")
    for cursor in ("%%%", "WyJ4Il0", "e30"):
        assert_problem(await client.get("/v1/files", params={"cursor": cursor}), 422, "invalid_cursor")
    assert_problem(await client.get("/v1/files", params={"limit": 0}), 422, "invalid_request")


async def test_pages_show_every_file_once_newest_first(client: httpx.AsyncClient) -> None:
    uploaded = [(await upload(client, f"{number}".encode(), f"{number}.txt"))["id"] for number in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = (await client.get("/v1/files", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == uploaded[::-1]


async def test_only_the_owner_or_an_administrator_deletes(
    client_of: Callable[..., Any], settings: Settings, client: httpx.AsyncClient
) -> None:
    file = await upload(client, PDF)
    async with client_of(settings, sub="00000000-0000-7000-8000-000000000009", roles=["buyer"]) as buyer:
        assert_problem(await buyer.delete(f"/v1/files/{file['id']}"), 403, "forbidden")
        own = await upload(buyer, b"mine", "mine.txt")
        assert (await buyer.delete(f"/v1/files/{own['id']}")).status_code == 204


async def test_a_repeated_upload_with_the_same_key_is_one_file(client: httpx.AsyncClient) -> None:
    first = await upload(client, PDF, **{"Idempotency-Key": "k1"})
    second = await upload(client, PDF, **{"Idempotency-Key": "k1"})
    assert first == second
    other = await client.post(
        "/v1/files", params={"filename": "x.txt"}, content=b"other", headers={"Idempotency-Key": "k1"}
    )
    assert_problem(other, 409, "idempotency_key_reused")


async def test_an_upload_that_died_halfway_is_cleared_away(settings: Settings) -> None:
    async with open_resources(settings) as resources:
        orphan = settings.files_directory / "objects/aa/dead"
        orphan.parent.mkdir(parents=True)
        orphan.write_bytes(b"half")
        async with resources.database.unit_of_work() as work:
            await work.session.execute(
                text("INSERT INTO storage.objects_to_remove VALUES ('objects/aa/dead', now() - interval '1 hour')")
            )
            await work.commit()
        await create_file_service(resources).sweep()
    assert not orphan.exists()
