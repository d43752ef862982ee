"""The exports: everything of the period, flat in memory, verifiable away from the database, harmless in a spreadsheet."""

import csv
import io
import json
import subprocess
import sys
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.audit.__main__ import main
from gateway.audit.adapters import FORMS
from gateway.audit.domain.entries import Actor, Entry, Origin, Search

START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
ODD = {"ü": "€ \u2028", "list": [1, {"b": None, "aa": True}], "n": -12345678901234567890, "quoted": 'a "b" \\ c'}


async def exported(trail: Any, form: str = "ndjson", start: datetime = START, end: datetime = END) -> str:
    async with aclosing(trail.audit.export(FORMS[form], start, end)) as pieces:
        return "".join([piece async for piece in pieces])


@pytest.fixture
async def days(trail: Any) -> Any:
    """Two days with three entries each, the first one sealed as a whole."""
    origin = Origin("192.0.2.1", "r1")
    await trail.audit.record(*(Entry("user.created", True, origin, None, f"user:{n}", {"n": n}) for n in range(3)))
    await trail.backdate(2)
    await trail.sealer.seal()
    await trail.audit.record(*(Entry("user.changed", True, origin, None, "user:x", ODD) for _ in range(3)))
    return trail


def verify(tmp_path: Path, text: str, capsys: Any) -> tuple[int, Any]:
    file = tmp_path / "export.ndjson"
    file.write_text(text, encoding="utf-8")
    code = main([str(file)])
    output = capsys.readouterr().out
    return code, json.loads(output) if output else None


async def test_an_export_is_verified_without_a_database(days: Any, tmp_path: Path, capsys: Any) -> None:
    code, result = verify(tmp_path, await exported(days), capsys)
    assert (code, result["days"], result["entries"], result["seals"], result["intact"]) == (0, 2, 6, 1, True)


async def test_the_command_stands_alone(days: Any, tmp_path: Path) -> None:
    text = await exported(days)
    ended = subprocess.run(  # noqa: ASYNC221 -- nothing else runs here
        [sys.executable, "-m", "gateway.audit", "-"], input=text, text=True, capture_output=True, check=False
    )
    assert (ended.returncode, json.loads(ended.stdout)["intact"]) == (0, True)


async def test_a_piece_of_the_trail_is_followed_from_its_first_entry(days: Any, tmp_path: Path, capsys: Any) -> None:
    links = await days.audit.list_page(Search(), before=None, limit=10)
    text = await exported(days, start=links[4].occurred_at, end=links[0].occurred_at)
    code, result = verify(tmp_path, text, capsys)
    assert (code, result["days"], result["entries"], result["intact"]) == (0, 2, 4, True)


@pytest.mark.parametrize(
    ("change", "sequence", "reason"),
    [
        (
            lambda lines: [line.replace('"target": "user:1"', '"target": "user:9"') for line in lines],
            2,
            "entry_changed",
        ),
        (lambda lines: [line.replace('{"n": 1}', '{"n": 1.0}') for line in lines], 2, "entry_changed"),
        (lambda lines: [line for line in lines if '"target": "user:1"' not in line], 2, "entry_missing"),
        (lambda lines: [line for line in lines if '"target": "user:2"' not in line], 3, "entry_missing"),
        (lambda lines: [line for line in lines if '"type": "key"' not in line], 3, "seal_forged"),
    ],
)
async def test_a_changed_export_names_the_entry(
    days: Any, tmp_path: Path, capsys: Any, change: Any, sequence: int, reason: str
) -> None:
    lines = change((await exported(days)).splitlines(keepends=True))
    kept = sum('"type": "entry"' in line for line in lines)
    lines[-1] = json.dumps({"type": "end", "entries": kept}) + "\n"
    code, result = verify(tmp_path, "".join(lines), capsys)
    assert (code, result["first_broken"]["sequence"], result["first_broken"]["reason"]) == (1, sequence, reason)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.rpartition('{"type": "end"')[0],
        lambda text: text.replace('"entries": 6', '"entries": 7'),
        lambda text: text + text,
        lambda text: "",
        lambda text: "[]\n",
        lambda text: "x" * 100,
        lambda text: "[" * 100_000,
        lambda text: text.replace('"sequence": 2', '"sequence": "2"'),
        lambda text: text.replace('"type": "entry"', '"type": "other"'),
        lambda text: text.replace("user:1", "\\ud800"),
    ],
)
async def test_what_is_not_a_whole_export_is_refused_or_named_never_a_crash(
    days: Any, tmp_path: Path, capsys: Any, change: Any
) -> None:
    code, _ = verify(tmp_path, change(await exported(days)), capsys)
    assert code in {1, 2}


async def test_formulas_in_a_spreadsheet_are_shown_and_not_run(trail: Any) -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =cmd|' /C calc'!A0", "＝1", "a,b\n=2", 'say "hi"']
    actor = Actor("user", "=HYPERLINK(1)", "@name")
    await trail.audit.record(*(Entry("a.b", True, Origin("-1", "=r"), actor, target) for target in hostile))
    rows = list(csv.DictReader(io.StringIO(await exported(trail, "csv"))))
    assert len(rows) == len(hostile)
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]
    assert (rows[0]["target"], rows[0]["actor_id"], rows[0]["address"]) == ("'=1+1", "'=HYPERLINK(1)", "'-1")
    assert len(rows[0]["hash"]) == 64


MANY = """
    INSERT INTO gateway.audit_entries (id, action, succeeded, address, target, details)
    SELECT gen_random_uuid(), 'user.changed', true, '192.0.2.1', 'user:' || n, jsonb_build_object('n', n, 'text', repeat('x', 200))
    FROM generate_series(1, 1000) n
"""


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_fifty_thousand_entries_are_exported_and_verified_in_flat_memory(trail: Any, tmp_path: Path) -> None:
    connection = await asyncpg.connect(trail.url)
    try:
        for _ in range(50):
            await connection.execute(MANY)
    finally:
        await connection.close()
    file = tmp_path / "export.ndjson"
    before, peak = resident_bytes(), 0
    with file.open("w", encoding="utf-8") as out:
        async with aclosing(trail.audit.export(FORMS["ndjson"], START, END)) as pieces:
            async for piece in pieces:
                out.write(piece)
                peak = max(peak, resident_bytes())
    result = await trail.verify()
    peak = max(peak, resident_bytes())
    assert (result.entries, result.intact) == (50_000, True)
    assert file.stat().st_size > 30_000_000
    assert peak - before < 20_000_000
    assert main([str(file)]) == 0


async def test_an_export_shows_one_moment(days: Any) -> None:
    export = days.audit.export(FORMS["ndjson"], START, END)
    async with aclosing(export):
        head = await anext(export)
        await days.audit.record(Entry("later.added", True, Origin("", None)))
        rest = "".join([piece async for piece in export])
    assert "later.added" not in head + rest
    assert json.loads(rest.splitlines()[-1]) == {"type": "end", "entries": 6}
