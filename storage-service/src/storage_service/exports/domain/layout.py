"""What a table to be exported looks like, independent of the format it is written in."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

Language = Literal["ru", "en"]

# A cell as it travels to the renderer: dates are ISO 8601 texts, numbers are finite.
Cell = str | int | float | None


class CellType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    QUANTITY = "quantity"
    MONEY = "money"
    PERCENT = "percent"
    DATE = "date"


@dataclass(frozen=True)
class Column:
    """`width` is in characters of the default font, as spreadsheet programs count it."""

    header: str
    type: CellType
    width: float


@dataclass(frozen=True)
class Block:
    """A small table on the summary sheet: a title, its columns and its rows."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Layout:
    language: Language
    title: str
    summary_title: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class CsvDialect:
    delimiter: Literal[",", ";", "\t"] = ";"
    byte_order_mark: bool = True
    decimal_separator: Literal[".", ","] = ","


def column_from_json(value: dict[str, Any]) -> Column:
    return Column(value["header"], CellType(value["type"]), value["width"])


def block_from_json(value: dict[str, Any]) -> Block:
    columns = tuple(column_from_json(column) for column in value["columns"])
    return Block(value["title"], columns, tuple(tuple(row) for row in value["rows"]))


def layout_from_json(value: dict[str, Any]) -> Layout:
    columns = tuple(column_from_json(column) for column in value["columns"])
    return Layout(value["language"], value["title"], value["summary_title"], columns)


def to_cell(value: str | float | Decimal | date | None) -> Cell:
    """Infinite numbers and NaN become empty cells: no spreadsheet can hold them."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if number - number == 0 else None
    return value
