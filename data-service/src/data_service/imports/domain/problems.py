"""What makes a whole file unreadable, as opposed to one of its rows."""


class UnreadableFileError(Exception):
    """The file as a whole cannot be imported; nothing of it is applied."""

    def __init__(self, code: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.title = title
        self.detail = detail
