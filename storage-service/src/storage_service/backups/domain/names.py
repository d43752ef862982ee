"""Names of restored databases."""

import re
from datetime import datetime

DATABASE_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_RESERVED = frozenset({"postgres", "template0", "template1"})


def default_database_name(now: datetime) -> str:
    return f"procurement_restore_{now:%Y%m%d_%H%M%S}"


def is_valid_database_name(name: str) -> bool:
    return bool(DATABASE_NAME.match(name)) and name not in _RESERVED
