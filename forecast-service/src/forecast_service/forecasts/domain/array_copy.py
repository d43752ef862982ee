"""Arrays of floats in PostgreSQL's binary COPY format: whole tables of them without a Python object per number.

Source: PostgreSQL documentation, COPY, "Binary Format", and array_send in src/backend/utils/adt/arrayfuncs.c.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
_FLOAT4_OID = 700
_ELEMENT = np.dtype([("size", ">i4"), ("value", ">f4")])
_ARRAY_HEADER_BYTES = 20


def array_fields(matrix: NDArray[np.float32]) -> list[bytes]:
    """Every row of a matrix without NaN as a complete field of type real[], with its length in front."""
    rows, width = matrix.shape
    elements = np.empty((rows, width), dtype=_ELEMENT)
    elements["size"] = 4
    elements["value"] = matrix
    header = struct.pack(">iiiiii", _ARRAY_HEADER_BYTES + width * 8, 1, 0, _FLOAT4_OID, width, 1)
    size = width * _ELEMENT.itemsize
    packed = elements.tobytes()
    return [header + packed[row * size : (row + 1) * size] for row in range(rows)]


def text_field(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">i", len(encoded)) + encoded


def uuid_field(value: bytes) -> bytes:
    return struct.pack(">i", 16) + value


def float_field(value: float) -> bytes:
    return struct.pack(">if", 4, value)


def rows_of(columns: Sequence[Iterable[bytes]]) -> bytes:
    """Joins fields column by column into rows."""
    count = struct.pack(">h", len(columns))
    return b"".join(count + b"".join(fields) for fields in zip(*columns, strict=True))


def read_arrays(copied: bytes, widths: Sequence[int]) -> list[NDArray[np.float32]]:
    """Matrices from a copy whose rows are real[] fields of these widths.

    Raises:
        ValueError: a row has another shape.
    """
    parts: list[Any] = [("count", ">i2")]
    for index, width in enumerate(widths):
        parts += [(f"header{index}", "V24"), (f"values{index}", _ELEMENT, (width,))]
    row = np.dtype(parts)
    body = len(copied) - len(HEADER) - len(TRAILER)
    if body % row.itemsize:
        raise ValueError("the stored arrays are not all of the expected length")
    rows = np.frombuffer(copied, row, body // row.itemsize, offset=len(HEADER))
    if not all((rows[f"values{index}"]["size"] == 4).all() for index in range(len(widths))):
        raise ValueError("the stored arrays are not all of the expected length")
    return [rows[f"values{index}"]["value"].astype(np.float32) for index in range(len(widths))]
