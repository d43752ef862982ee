"""Stock as counted, row by row."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class StockRow(NamedTuple):
    """One row of a stock file: what was counted at the end of a day."""

    line: int
    fingerprint: int
    product_id: int
    warehouse_id: int
    date: date
    on_hand: float
    reserved: float


@dataclass(frozen=True)
class Receipt:
    product_id: int
    warehouse_id: int
    quantity: float
