"""Checked rows handed to the features that own them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_service.catalog.domain import UNKNOWN_ID, Applied, ProductRow, SupplierRow, UnknownCodes
from data_service.catalog.service import CatalogReferences, ProductIntake, SupplierIntake
from data_service.imports.domain.batches import Batch
from data_service.imports.domain.kinds import ImportKind
from data_service.purchasing.domain import OrderRow
from data_service.purchasing.service import PurchaseOrderIntake
from data_service.sales.domain import SalesColumns
from data_service.sales.service import SalesIntake
from data_service.stock.domain import StockRow
from data_service.stock.service import StockIntake
from shared.database.unit_of_work import Database, UnitOfWork

_UNKNOWN_ARTICLE = "no such article in the catalogue; import it with the products, or correct the code"
_UNKNOWN_SUPPLIER = "no such supplier; import it with the suppliers, or correct the code"
_OTHER_SUPPLIER = "an order has one supplier, and this number belongs to an order of another one"


@dataclass(frozen=True)
class IntakePolicy:
    unknown_codes: UnknownCodes
    default_warehouse: str
    default_currency: str


class Intake(Protocol):
    """One file's rows, inside the transaction of its import."""

    async def begin(self) -> None: ...

    async def take(self, batch: Batch) -> None:
        """Stages the rows; may set some aside in the batch which only stored data shows to be wrong."""

    async def apply(self) -> Applied: ...


def open_intake(
    kind: ImportKind,
    work: UnitOfWork,
    references: CatalogReferences,
    database: Database,
    policy: IntakePolicy,
    caller: str,
    *,
    is_optimistic: bool,
) -> Intake:
    """An optimistic intake may raise RowsCollideError; the file must be taken in again without optimism then."""
    match kind:
        case ImportKind.SALES:
            return _Sales(SalesIntake(work, database, is_optimistic=is_optimistic), references)
        case ImportKind.PRODUCTS:
            return _Products(ProductIntake(work), references)
        case ImportKind.SUPPLIERS:
            return _Suppliers(SupplierIntake(work))
        case ImportKind.STOCK:
            return _Stock(StockIntake(work), references)
        case ImportKind.PURCHASE_ORDERS:
            intake = PurchaseOrderIntake(work, default_currency=policy.default_currency, created_by=caller)
            return _PurchaseOrders(intake, references)


async def _known_articles(batch: Batch, references: CatalogReferences) -> NDArray[np.int32]:
    ids = await references.product_ids(batch.codes["sku"])
    batch.reject(ids == UNKNOWN_ID, "unknown_article", "sku", _UNKNOWN_ARTICLE)
    known: NDArray[np.int32] = ids[ids != UNKNOWN_ID]
    return known


class _Sales:
    def __init__(self, intake: SalesIntake, references: CatalogReferences) -> None:
        self._intake = intake
        self._references = references
        self.begin = intake.begin
        self.apply = intake.apply

    async def take(self, batch: Batch) -> None:
        product_ids = await _known_articles(batch, self._references)
        if not len(batch):
            return
        prices = batch.numbers.get("price")
        sales = SalesColumns(
            product_ids=product_ids,
            warehouse_ids=await self._references.warehouse_ids(batch.codes.get("warehouse"), len(batch)),
            days=batch.dates["date"],
            quantities=batch.numbers["quantity"],
            prices=np.full(len(batch), np.nan) if prices is None else prices,
            fingerprints=batch.fingerprints,
        )
        await self._intake.stage(sales)


class _Products:
    def __init__(self, intake: ProductIntake, references: CatalogReferences) -> None:
        self._intake = intake
        self._references = references
        self.begin = intake.begin
        self.apply = intake.apply

    async def take(self, batch: Batch) -> None:
        suppliers = await self._suppliers(batch)
        rows = zip(
            batch.lines.tolist(),
            batch.fingerprints.tolist(),
            batch.texts("sku"),
            batch.texts("name"),
            batch.texts("category"),
            suppliers,
            batch.texts("unit"),
            batch.amounts("pack_size"),
            batch.amounts("moq"),
            batch.amounts("cost"),
            batch.amounts("price"),
            batch.texts("currency"),
            batch.amounts("lead_time_days"),
            strict=True,
        )
        await self._intake.stage([ProductRow(*row) for row in rows])

    async def _suppliers(self, batch: Batch) -> Sequence[int | None]:
        codes = batch.codes.get("supplier")
        if codes is None:
            return [None] * len(batch)
        ids = await self._references.supplier_ids(codes)
        is_unknown = (ids == UNKNOWN_ID) & _is_given(codes)
        batch.reject(is_unknown, "unknown_supplier", "supplier", _UNKNOWN_SUPPLIER)
        return [supplier_id or None for supplier_id in ids[~is_unknown].tolist()]


class _Suppliers:
    def __init__(self, intake: SupplierIntake) -> None:
        self._intake = intake
        self.begin = intake.begin
        self.apply = intake.apply

    async def take(self, batch: Batch) -> None:
        rows = zip(
            batch.lines.tolist(),
            batch.fingerprints.tolist(),
            batch.texts("supplier"),
            batch.texts("name"),
            batch.amounts("lead_time_days"),
            batch.amounts("min_order_value"),
            batch.texts("currency"),
            [days and [int(day) for day in days.split(",")] for days in batch.texts("order_weekdays")],
            strict=True,
        )
        await self._intake.stage([SupplierRow(*row) for row in rows])


class _Stock:
    def __init__(self, intake: StockIntake, references: CatalogReferences) -> None:
        self._intake = intake
        self._references = references
        self.begin = intake.begin
        self.apply = intake.apply

    async def take(self, batch: Batch) -> None:
        product_ids = await _known_articles(batch, self._references)
        warehouse_ids = await self._references.warehouse_ids(batch.codes.get("warehouse"), len(batch))
        rows = zip(
            batch.lines.tolist(),
            batch.fingerprints.tolist(),
            product_ids.tolist(),
            warehouse_ids.tolist(),
            _or_today(batch.days("date")),
            batch.numbers["on_hand"].tolist(),
            [amount or 0.0 for amount in batch.amounts("reserved")],
            strict=True,
        )
        await self._intake.stage([StockRow(*row) for row in rows])


class _PurchaseOrders:
    def __init__(self, intake: PurchaseOrderIntake, references: CatalogReferences) -> None:
        self._intake = intake
        self._references = references
        self.begin = intake.begin
        self.apply = intake.apply

    async def take(self, batch: Batch) -> None:
        suppliers = await self._references.supplier_ids(batch.codes["supplier"])
        batch.reject(suppliers == UNKNOWN_ID, "unknown_supplier", "supplier", _UNKNOWN_SUPPLIER)
        await _known_articles(batch, self._references)
        suppliers = await self._references.supplier_ids(batch.codes["supplier"])
        numbers = batch.codes["order_number"].dictionary_decode().to_pylist()
        order_ids = await self._intake.order_ids(numbers, suppliers.tolist())
        is_other = np.array([order_id is None for order_id in order_ids], dtype=bool)
        batch.reject(is_other, "supplier_mismatch", "supplier", _OTHER_SUPPLIER)
        await self._intake.stage(await self._rows(batch, [order_id for order_id in order_ids if order_id is not None]))

    async def _rows(self, batch: Batch, order_ids: Sequence[UUID]) -> list[OrderRow]:
        """Ids are asked again: by now they are remembered, and the batch has lost rows since."""
        suppliers = await self._references.supplier_ids(batch.codes["supplier"])
        products = await self._references.product_ids(batch.codes["sku"])
        warehouses = await self._references.warehouse_ids(batch.codes.get("warehouse"), len(batch))
        rows = zip(
            batch.lines.tolist(),
            batch.fingerprints.tolist(),
            order_ids,
            batch.texts("order_number"),
            suppliers.tolist(),
            warehouses.tolist(),
            products.tolist(),
            batch.numbers["quantity"].tolist(),
            batch.days("ordered_on"),
            batch.days("expected_on"),
            batch.days("received_on"),
            batch.amounts("received_quantity"),
            batch.amounts("cost"),
            batch.texts("currency"),
            strict=True,
        )
        return [OrderRow(*row) for row in rows]


def _is_given(codes: pa.DictionaryArray) -> NDArray[np.bool_]:
    given = np.array([bool(code) for code in codes.dictionary.to_pylist()], dtype=bool)
    is_given: NDArray[np.bool_] = given[codes.indices.to_numpy()]
    return is_given


def _or_today(days: Sequence[date | None]) -> list[date]:
    """A stock file without dates tells of now."""
    today = datetime.now(UTC).date()
    return [day or today for day in days]
