"""How much of a hostile file is looked at before it is refused."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadLimits:
    block_bytes: int = 2 << 20
    max_unpacked_bytes: int = 8 << 30
    max_row_bytes: int = 256 << 10
    max_columns: int = 1000
    max_lines_per_row: int = 200
