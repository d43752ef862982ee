"""Idempotency keys: the first answer to a request is kept with its effect and given again to a repeat."""

import hashlib
import json
from typing import Any, ClassVar

from sqlalchemy import Column, DateTime, MetaData, Table, Text, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from shared.database.unit_of_work import UnitOfWork
from shared.errors import ConflictError


class IdempotencyKeyReusedError(ConflictError):
    code: ClassVar[str] = "idempotency_key_reused"
    title: ClassVar[str] = "Idempotency key already used for another request"


def create_idempotency_keys(metadata: MetaData) -> Table:
    return Table(
        "idempotency_keys",
        metadata,
        Column("caller", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", Text, nullable=False),
        Column("response", JSONB),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def fingerprint(operation: str, body: Any) -> str:
    canonical = json.dumps([operation, body], sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class IdempotentRequests:
    """Claims a key inside a unit of work; a parallel request with the same key waits for the first one's outcome."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def claim(self, work: UnitOfWork, *, caller: str, key: str, request: str) -> dict[str, Any] | None:
        """None when the caller must do the work; else the answer of the first time.

        `request` is the `fingerprint` of the operation and its body.

        Raises:
            IdempotencyKeyReusedError: the key came with another request before.
        """
        table = self._table
        inserted = await work.session.execute(
            insert(table)
            .values(caller=caller, key=key, fingerprint=request)
            .on_conflict_do_nothing()
            .returning(table.c.key)
        )
        if inserted.scalar_one_or_none() is not None:
            return None
        row = (
            await work.session.execute(
                select(table.c.fingerprint, table.c.response).where(table.c.caller == caller, table.c.key == key)
            )
        ).one()
        if row.fingerprint != request:
            raise IdempotencyKeyReusedError(
                f"The Idempotency-Key {key!r} was used for a different request. Use a new key for a new request."
            )
        response: dict[str, Any] = row.response
        return response

    async def remember(self, work: UnitOfWork, *, caller: str, key: str, response: dict[str, Any]) -> None:
        """Stores the answer (a JSON object) in the same transaction as the effect."""
        table = self._table
        await work.session.execute(
            table.update().where(table.c.caller == caller, table.c.key == key).values(response=response)
        )
