"""Expected failures of the audit trail."""

from shared.errors import InvalidInputError


class InvalidPeriodError(InvalidInputError):
    code = "invalid_period"
    title = "The end is not after the start"


class UnreadableExportError(ValueError):
    """The file is not an export of the audit trail, or not all of one."""
