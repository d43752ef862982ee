"""What may go wrong while sales are taken in."""


class RowsCollideError(Exception):
    """Two rows are of one article, warehouse and day, or one is stored already: they must be summed and compared."""
