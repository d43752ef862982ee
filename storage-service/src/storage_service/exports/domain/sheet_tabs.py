"""The plan as tabs of a Google spreadsheet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from storage_service.exports.domain.layout import Block, Cell, CellType, Column, Layout
from storage_service.exports.domain.text import SHEETS_TEXT_LIMIT, shortened
from storage_service.sheets.domain.tabs import Tab, TabColumn, number_format

_PIXELS_PER_CHARACTER = 7
_DAY_ZERO = date(1899, 12, 30).toordinal()
_FORMATS: Mapping[CellType, Mapping[str, str]] = {
    CellType.INTEGER: number_format("NUMBER", "#,##0"),
    CellType.QUANTITY: number_format("NUMBER", "#,##0.##"),
    CellType.MONEY: number_format("NUMBER", "#,##0.00"),
    CellType.PERCENT: number_format("PERCENT", "0.0%"),
    CellType.DATE: number_format("DATE", "yyyy-mm-dd"),
}


def plan_tab(layout: Layout, rows: Iterable[Sequence[Cell]], row_count: int) -> Tab:
    kinds = [column.type for column in layout.columns]
    values = ([_value(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in rows)
    return Tab(layout.title, tuple(_column(column) for column in layout.columns), values, row_count)


def summary_tab(layout: Layout, blocks: Sequence[Block]) -> Tab:
    """The blocks one below the other, each row led by its block's title, so that the tab can be filtered."""
    widest = max(blocks, key=lambda block: len(block.columns))
    lead = Column(layout.summary_title, CellType.TEXT, 24)
    rows = list(_block_rows(blocks, len(widest.columns)))
    return Tab(layout.summary_title, tuple(_column(column) for column in (lead, *widest.columns)), rows, len(rows))


def _block_rows(blocks: Sequence[Block], width: int) -> Iterator[list[Cell]]:
    for block in blocks:
        for row in block.rows:
            yield [block.title, *row, *[None] * (width - len(row))]


def _column(column: Column) -> TabColumn:
    return TabColumn(column.header, round(column.width * _PIXELS_PER_CHARACTER), _FORMATS.get(column.type))


def _value(cell: Cell, kind: CellType) -> Cell:
    if not isinstance(cell, str):
        return cell
    if kind is CellType.DATE:
        return date.fromisoformat(cell).toordinal() - _DAY_ZERO
    return shortened(cell, SHEETS_TEXT_LIMIT)
