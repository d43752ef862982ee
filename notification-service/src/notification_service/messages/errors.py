"""Expected failures of messages."""

from typing import ClassVar

from shared.errors import ConflictError, NotFoundError


class MessageNotFoundError(NotFoundError):
    code: ClassVar[str] = "message_not_found"
    title: ClassVar[str] = "No such message"


class MessageNotResendableError(ConflictError):
    code: ClassVar[str] = "message_not_resendable"
    title: ClassVar[str] = "The message cannot be sent again now"
