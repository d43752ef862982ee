"""Failures of the access rules."""


class InvalidRoutesError(ValueError):
    """The table of routes cannot be used; the process must not start with it."""
