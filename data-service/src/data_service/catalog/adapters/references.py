"""Codes of articles, suppliers and warehouses found, or created where nobody knows them yet."""

from collections.abc import Sequence
from typing import Any, Literal

Table = Literal["products", "suppliers", "warehouses"]

_KEY = {"products": "sku", "suppliers": "code", "warehouses": "code"}
_FIND = {table: f"SELECT {key}, id FROM data.{table} WHERE {key} = ANY($1::text[])" for table, key in _KEY.items()}
_CREATE = {
    table: f"""
        INSERT INTO data.{table} ({key}, name{"" if table == "warehouses" else ", is_declared"})
        SELECT code, code{"" if table == "warehouses" else ", false"} FROM unnest($1::text[]) AS code
        ON CONFLICT ({key}) DO UPDATE SET {key} = excluded.{key}
        RETURNING {key}, id"""
    for table, key in _KEY.items()
}
_IS_DECLARED = {
    table: f"SELECT EXISTS (SELECT FROM data.{table} WHERE is_declared)" for table in ("products", "suppliers")
}


async def find_ids(connection: Any, table: Table, codes: Sequence[str]) -> dict[str, int]:
    return dict(await connection.fetch(_FIND[table], codes))


async def create_ids(connection: Any, table: Table, codes: Sequence[str]) -> dict[str, int]:
    """Ids of newly created entries that carry their code as name."""
    return dict(await connection.fetch(_CREATE[table], codes))


async def is_any_declared(connection: Any, table: Literal["products", "suppliers"]) -> bool:
    return bool(await connection.fetchval(_IS_DECLARED[table]))
