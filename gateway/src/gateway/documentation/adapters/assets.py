"""The page's files, from inside the package."""

from functools import cache
from importlib import resources

_TYPES = {
    "page.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "session.js": "text/javascript; charset=utf-8",
    "words.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def asset(name: str) -> tuple[bytes, str] | None:
    """Content and media type; None for anything that is not one of the page's files."""
    if name not in _TYPES:
        return None
    return (resources.files("gateway.documentation") / "page" / name).read_bytes(), _TYPES[name]
