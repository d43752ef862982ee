"""Expected failures of demand."""

from shared.errors import InvalidInputError


class InvalidPeriodError(InvalidInputError):
    code = "invalid_period"
    title = "Invalid period"
