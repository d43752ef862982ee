"""Expected failures of the documentation."""

from shared.errors import NotFoundError


class PageNotFoundError(NotFoundError):
    code = "page_not_found"
    title = "No such page"
