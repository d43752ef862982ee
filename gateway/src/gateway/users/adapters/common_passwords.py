"""The passwords guessing starts with. Source and licence: common_passwords.LICENSE.txt."""

import gzip
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("common_passwords.txt.gz")


@cache
def common_passwords() -> frozenset[str]:
    """Lower case; read once per process (80 KB), so call it first where waiting does no harm."""
    return frozenset(gzip.decompress(_FILE.read_bytes()).decode("utf-8").split("\n")) - {""}
