"""Row boundaries and line numbers."""

import csv
import io
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_service.imports.domain.limits import ReadLimits
from data_service.imports.domain.rows import BrokenRow, RowSplitter

FIELD = st.text(st.sampled_from('ab",\n '), max_size=6)


def split(text: str, *, cuts: list[int] | None = None, **limits: int) -> tuple[list[tuple[int, str]], list[BrokenRow]]:
    """Rows as (line, text) and the broken ones, with the text handed over in pieces."""
    data = text.encode()
    edges = [0, *sorted({min(cut, len(data)) for cut in cuts or []}), len(data)]
    splitter = RowSplitter(",", ReadLimits(**limits))
    rows: list[tuple[int, str]] = []
    broken: list[BrokenRow] = []
    for start, end in pairwise(edges):
        block = splitter.split(data[start:end], final=end == len(data))
        rows += [(int(block.lines[i]), block.row(i).decode()) for i in range(len(block))]
        broken += block.broken
        if end == len(data):
            break
    return rows, broken


def test_a_row_without_a_final_line_end_counts() -> None:
    assert split("a,b\n1,2") == ([(1, "a,b"), (2, "1,2")], [])


def test_a_quoted_value_over_several_lines_is_one_row_and_later_lines_keep_their_numbers() -> None:
    assert split('a,"x\ny\nz",1\nb,c,2\n') == ([(1, 'a,"x\ny\nz",1'), (4, "b,c,2")], [])


def test_a_quote_inside_a_value_is_an_ordinary_character() -> None:
    assert split('pipe 12",1\ntape 3",2\n') == ([(1, 'pipe 12",1'), (2, 'tape 3",2')], [])


def test_a_quote_that_is_never_closed_costs_one_row_and_not_the_rest_of_the_file() -> None:
    rows, broken = split('a,1\n"b,2\n' + "c,3\n" * 500, max_lines_per_row=100)
    assert [row.line for row in broken] == [2]
    assert broken[0].rule == "unclosed_quote"
    assert len(rows) == 501
    assert rows[1] == (3, "c,3")


def test_a_line_beyond_the_limit_is_set_aside_in_bounded_memory() -> None:
    text = "a,1\n" + "x" * 50_000 + "\nb,2\n"
    rows, broken = split(text, cuts=list(range(0, len(text), 1000)), max_row_bytes=4000)
    assert [row.line for row in broken] == [2]
    assert broken[0].rule == "row_too_long"
    assert len(broken[0].text) <= 4096
    assert rows == [(1, "a,1"), (3, "b,2")]


@given(st.lists(st.lists(FIELD, min_size=2, max_size=4), max_size=12), st.lists(st.integers(0, 200), max_size=6))
def test_rows_written_by_a_csv_writer_come_back_wherever_the_text_is_cut(
    table: list[list[str]], cuts: list[int]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    lines, texts = [], []
    for row in table:
        lines.append(out.getvalue().count("\n") + 1)
        before = len(out.getvalue())
        writer.writerow(row)
        texts.append(out.getvalue()[before:-1])
    rows, broken = split(out.getvalue(), cuts=cuts)
    assert rows == list(zip(lines, texts, strict=True))
    assert broken == []


@given(st.text(st.sampled_from('ab",\n'), max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_any_text_gives_the_same_rows_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    assert split(text, cuts=cuts) == split(text)


@given(st.text(st.sampled_from('ab",\n'), max_size=80))
def test_no_line_of_any_text_is_lost(text: str) -> None:
    rows, broken = split(text)
    covered = sum(row.count("\n") + 1 for _, row in rows) + len(broken)
    assert covered == len(text.splitlines())
    lines = [line for line, _ in rows]
    assert lines == sorted(set(lines))


def test_lines_are_numbered_across_many_blocks() -> None:
    text = "".join(f"{i},x\n" for i in range(1, 5001))
    rows, _ = split(text, cuts=list(range(0, len(text), 777)))
    assert np.array_equal([line for line, _ in rows], np.arange(1, 5001))
    assert all(row == f"{line},x" for line, row in rows)
