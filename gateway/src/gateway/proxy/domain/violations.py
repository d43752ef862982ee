"""A request that breaks a rule of the protocol or of this gateway."""


class ViolationError(ValueError):
    """`status` to answer with, and a text that says what is wrong and what to do."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
