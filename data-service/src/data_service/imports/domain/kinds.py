"""What each kind of file holds: its columns, their accepted names and the rules of their values."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto


class ImportKind(StrEnum):
    SALES = "sales"
    PRODUCTS = "products"
    SUPPLIERS = "suppliers"
    STOCK = "stock"
    PURCHASE_ORDERS = "purchase-orders"


class ValueType(Enum):
    CODE = auto()
    TEXT = auto()
    DATE = auto()
    NUMBER = auto()
    CURRENCY = auto()
    WEEKDAYS = auto()


@dataclass(frozen=True)
class Bound:
    """Numbers below `minimum` (or equal to it, when exclusive) are quarantined under `rule`."""

    rule: str
    reason: str
    minimum: float = 0.0
    is_exclusive: bool = False


@dataclass(frozen=True)
class Column:
    """`also_named` lists synonyms, the likelier first, separated by commas."""

    name: str
    value_type: ValueType
    also_named: str
    is_required: bool = False
    bound: Bound | None = None
    may_be_future: bool = True

    @property
    def synonyms(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.also_named.split(","))


@dataclass(frozen=True)
class KindRules:
    """`date_order` holds pairs (earlier, later) of date columns."""

    kind: ImportKind
    columns: tuple[Column, ...]
    date_order: tuple[tuple[str, str], ...] = ()

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


_NOT_NEGATIVE_PRICE = Bound("negative_price", "a price cannot be below zero")
_NOT_NEGATIVE = Bound("negative_value", "the value cannot be below zero")
_POSITIVE = Bound("not_positive", "the value must be above zero", is_exclusive=True)


def _code(name: str, also_named: str, *, is_required: bool = False) -> Column:
    return Column(name, ValueType.CODE, also_named, is_required)


def _text(name: str, also_named: str) -> Column:
    return Column(name, ValueType.TEXT, also_named)


def _number(name: str, also_named: str, bound: Bound | None = None, *, is_required: bool = False) -> Column:
    return Column(name, ValueType.NUMBER, also_named, is_required, bound)


def _day(name: str, also_named: str, *, is_required: bool = False, may_be_future: bool = False) -> Column:
    return Column(name, ValueType.DATE, also_named, is_required, may_be_future=may_be_future)


_SKU = _code(
    "sku",
    "article, артикул, код, item, product, код товара, артикул товара, stock code, item code, product code, "
    "article code, vendor code, товар, код номенклатуры, articul, sku id, item id, product id, article number",
    is_required=True,
)
_WAREHOUSE = _code("warehouse", "склад, store, location, магазин, код склада, warehouse code, store id, точка, филиал")
_SUPPLIER_NAMES = "поставщик, vendor, supplier code, код поставщика, supplier id, vendor id"
_CURRENCY = Column("currency", ValueType.CURRENCY, "валюта, currency code, код валюты")
_QUANTITY_NAMES = "qty, количество, кол-во, кол, units, шт, amount, pieces"
_LEAD_TIME = _number(
    "lead_time_days",
    "lead time, срок поставки, срок поставки дней, срок доставки, дней доставки, lead time in days",
    _NOT_NEGATIVE,
)
_COST = _number(
    "cost",
    "себестоимость, закупочная цена, цена закупки, purchase price, unit cost, buying price, закупка",
    _NOT_NEGATIVE_PRICE,
)
_PRICE = _number(
    "price",
    "цена, unit price, sale price, цена продажи, selling price, розничная цена, retail price, цена за единицу",
    _NOT_NEGATIVE_PRICE,
)

_SALES = KindRules(
    ImportKind.SALES,
    (
        _day(
            "date",
            "дата, day, день, дата продажи, sale date, sold on, sales date, invoice date, order date, datetime, "
            "timestamp, период",
            is_required=True,
        ),
        _SKU,
        _number("quantity", f"{_QUANTITY_NAMES}, продано, units sold, quantity sold, sold, продажи", is_required=True),
        _PRICE,
        _WAREHOUSE,
    ),
)
_PRODUCTS = KindRules(
    ImportKind.PRODUCTS,
    (
        _SKU,
        _text("name", "наименование, название, title, product name, item name, description, номенклатура, описание"),
        _text("category", "категория, group, группа, product group, товарная группа, раздел"),
        _code("supplier", _SUPPLIER_NAMES),
        _text("unit", "единица, ед, ед изм, единица измерения, uom, unit of measure"),
        _number("pack_size", "pack, упаковка, в упаковке, кратность, units per pack, размер упаковки", _POSITIVE),
        _number("moq", "minimum order quantity, минимальный заказ, мин заказ, min order, min qty", _NOT_NEGATIVE),
        _COST,
        _PRICE,
        _CURRENCY,
        _LEAD_TIME,
    ),
)
_SUPPLIERS = KindRules(
    ImportKind.SUPPLIERS,
    (
        _code("supplier", f"code, код, {_SUPPLIER_NAMES}", is_required=True),
        _text("name", "наименование, название, supplier name, title, имя поставщика"),
        _LEAD_TIME,
        _number(
            "min_order_value",
            "минимальная сумма заказа, minimum order value, мин сумма заказа, мин сумма, min order, min order amount",
            _NOT_NEGATIVE,
        ),
        _CURRENCY,
        Column("order_weekdays", ValueType.WEEKDAYS, "дни заказа, order days, weekdays, дни недели, days"),
    ),
)
_STOCK = KindRules(
    ImportKind.STOCK,
    (
        _day("date", "дата, day, as of, на дату, дата остатка, snapshot date, stock date"),
        _SKU,
        _number(
            "on_hand",
            f"остаток, остатки, наличие, в наличии, stock, balance, on hand, {_QUANTITY_NAMES}, available, "
            "количество на складе",
            is_required=True,
        ),
        _number("reserved", "резерв, в резерве, reserve, зарезервировано, allocated", _NOT_NEGATIVE),
        _WAREHOUSE,
    ),
)
_PURCHASE_ORDERS = KindRules(
    ImportKind.PURCHASE_ORDERS,
    (
        _code(
            "order_number",
            "order, номер заказа, заказ, po, po number, purchase order, number, номер, order id, order no",
            is_required=True,
        ),
        _code("supplier", _SUPPLIER_NAMES, is_required=True),
        _SKU,
        _number("quantity", f"ordered, заказано, ordered quantity, {_QUANTITY_NAMES}", _POSITIVE, is_required=True),
        _day("ordered_on", "дата заказа, order date, ordered at, date, дата", is_required=True),
        _day(
            "expected_on",
            "ожидается, ожидаемая дата, дата поставки, expected date, due date, eta, expected",
            may_be_future=True,
        ),
        _day("received_on", "дата получения, получено, дата приемки, received date, receipt date, delivered on"),
        _number(
            "received_quantity",
            "получено количество, принято, received qty, received, delivered quantity, количество получено",
            _NOT_NEGATIVE,
        ),
        _WAREHOUSE,
        _COST,
        _CURRENCY,
    ),
    date_order=(("ordered_on", "received_on"), ("ordered_on", "expected_on")),
)

RULES = {rules.kind: rules for rules in (_SALES, _PRODUCTS, _SUPPLIERS, _STOCK, _PURCHASE_ORDERS)}
