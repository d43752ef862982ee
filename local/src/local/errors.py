"""Expected failures of the one-machine runner and the command line, with their exit codes."""

from typing import ClassVar


class LocalError(Exception):
    """The text says what is wrong, where, and what to do; it is shown to the user without a stack trace."""

    exit_code: ClassVar[int] = 1


class UsageError(LocalError):
    exit_code: ClassVar[int] = 2


class AlreadyRunningError(LocalError):
    exit_code: ClassVar[int] = 3


class UnreachableError(LocalError):
    exit_code: ClassVar[int] = 4


class NotAllowedError(LocalError):
    exit_code: ClassVar[int] = 5
