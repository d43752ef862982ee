"""The Idempotency-Key header of requests that create something."""

from typing import Annotated

from fastapi import Header

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same body gives the first answer again instead of doing the work twice.",
    ),
]
