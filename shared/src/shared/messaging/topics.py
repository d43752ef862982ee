"""AMQP topic patterns."""

import re
from functools import lru_cache


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    """Each word consumes a leading dot, so that `#` can stand for no word at all."""
    words = {"*": r"\.[^.]*", "#": r"(?:\.[^.]*)*"}
    return re.compile("".join(words.get(word, re.escape("." + word)) for word in pattern.split(".")))


def topic_matches(pattern: str, routing_key: str) -> bool:
    return _expression(pattern).fullmatch("." + routing_key) is not None
