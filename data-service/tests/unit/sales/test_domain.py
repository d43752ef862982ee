"""Sales in PostgreSQL's binary COPY format."""

import struct
from datetime import date

import numpy as np

from data_service.sales.domain import SalesColumns, copy_pieces, months_of


def test_rows_are_written_field_by_field_as_postgresql_documents_it() -> None:
    sales = SalesColumns(
        product_ids=np.array([7, 8], np.int32),
        warehouse_ids=np.array([1, 2], np.int32),
        days=np.array(["2013-07-20", "1999-12-31"], "datetime64[D]"),
        quantities=np.array([1.5, -2.0]),
        prices=np.array([9.5, 1.25]),
        fingerprints=np.array([-5, 2**62], np.int64),
    )
    expected = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
    for row in ((7, 1, (date(2013, 7, 20) - date(2000, 1, 1)).days, 1.5, 9.5, -5), (8, 2, -1, -2.0, 1.25, 2**62)):
        expected += struct.pack("!hiiiiii", 6, 4, row[0], 4, row[1], 4, row[2])
        expected += struct.pack("!ididiq", 8, row[3], 8, row[4], 8, row[5])
    assert b"".join(copy_pieces(sales)) == expected + struct.pack("!h", -1)


def test_months_are_those_in_which_something_was_sold() -> None:
    days = np.array(["2013-07-20", "2013-07-31", "2014-01-01"], "datetime64[D]")
    assert sorted(str(month) for month in months_of(days)) == ["2013-07", "2014-01"]
