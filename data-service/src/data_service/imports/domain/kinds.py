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
    name: str
    value_type: ValueType
    synonyms: tuple[str, ...]
    is_required: bool = False
    bound: Bound | None = None
    may_be_future: bool = True


@dataclass(frozen=True)
class KindRules:
    kind: ImportKind
    columns: tuple[Column, ...]
    date_order: tuple[tuple[str, str], ...] = ()
    """Pairs (earlier, later) of date columns."""

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


_NOT_NEGATIVE_PRICE = Bound("negative_price", "a price cannot be below zero")
_NOT_NEGATIVE = Bound("negative_value", "the value cannot be below zero")
_POSITIVE = Bound("not_positive", "the value must be above zero", is_exclusive=True)

_SKU = Column(
    "sku",
    ValueType.CODE,
    ("article", "артикул", "код", "item", "product", "product code", "item code", "stock code", "код товара", "vendor code", "товар", "номенклатура код", "articul", "article code", "sku id", "product id", "item id", "артикул товара", "код номенклатуры"),
    is_required=True,
)  # fmt: skip
_WAREHOUSE = Column(
    "warehouse",
    ValueType.CODE,
    ("склад", "store", "location", "магазин", "warehouse code", "код склада", "store id", "точка", "филиал"),
)
_CURRENCY = Column("currency", ValueType.CURRENCY, ("валюта", "currency code", "код валюты"))
_QUANTITY_NAMES = ("qty", "количество", "кол-во", "кол", "units", "amount", "шт", "units sold", "продано", "продажи", "sales", "pieces", "quantity sold", "sold")  # fmt: skip
_SUPPLIER_NAMES = ("поставщик", "vendor", "supplier code", "код поставщика", "supplier id", "vendor id")
_COST = Column(
    "cost",
    ValueType.NUMBER,
    ("себестоимость", "закупочная цена", "цена закупки", "purchase price", "unit cost", "buying price", "закупка"),
    bound=_NOT_NEGATIVE_PRICE,
)
_LEAD_TIME = Column(
    "lead_time_days",
    ValueType.NUMBER,
    ("lead time", "срок поставки", "срок поставки дней", "lead time days", "дней доставки", "срок доставки"),
    bound=_NOT_NEGATIVE,
)

_SALES = KindRules(
    ImportKind.SALES,
    (
        Column(
            "date",
            ValueType.DATE,
            ("дата", "day", "день", "дата продажи", "sale date", "sold on", "sales date", "invoice date", "order date", "период", "datetime", "timestamp"),
            is_required=True,
            may_be_future=False,
        ),  # fmt: skip
        _SKU,
        Column("quantity", ValueType.NUMBER, _QUANTITY_NAMES, is_required=True),
        Column(
            "price",
            ValueType.NUMBER,
            ("цена", "unit price", "sale price", "цена продажи", "selling price", "цена за единицу"),
            bound=_NOT_NEGATIVE_PRICE,
        ),
        _WAREHOUSE,
    ),
)
_PRODUCTS = KindRules(
    ImportKind.PRODUCTS,
    (
        _SKU,
        Column("name", ValueType.TEXT, ("наименование", "название", "title", "description", "product name", "item name", "номенклатура", "описание")),
        Column("category", ValueType.TEXT, ("категория", "group", "группа", "product group", "товарная группа", "раздел")),
        Column("supplier", ValueType.CODE, _SUPPLIER_NAMES),
        Column("unit", ValueType.TEXT, ("единица", "ед", "ед изм", "единица измерения", "uom", "unit of measure")),
        Column("pack_size", ValueType.NUMBER, ("pack", "упаковка", "в упаковке", "pack qty", "кратность", "units per pack", "размер упаковки"), bound=_POSITIVE),
        Column("moq", ValueType.NUMBER, ("minimum order quantity", "min order", "мин заказ", "минимальный заказ", "min qty", "минимальная партия"), bound=_NOT_NEGATIVE),
        _COST,
        Column("price", ValueType.NUMBER, ("цена", "unit price", "sale price", "цена продажи", "розничная цена", "retail price"), bound=_NOT_NEGATIVE_PRICE),
        _CURRENCY,
        _LEAD_TIME,
    ),
)  # fmt: skip
_SUPPLIERS = KindRules(
    ImportKind.SUPPLIERS,
    (
        Column("supplier", ValueType.CODE, ("code", "код", *_SUPPLIER_NAMES), is_required=True),
        Column("name", ValueType.TEXT, ("наименование", "название", "supplier name", "title", "имя поставщика")),
        _LEAD_TIME,
        Column("min_order_value", ValueType.NUMBER, ("минимальная сумма заказа", "мин сумма", "minimum order value", "min order", "min order amount", "мин сумма заказа"), bound=_NOT_NEGATIVE),
        _CURRENCY,
        Column("order_weekdays", ValueType.WEEKDAYS, ("дни заказа", "order days", "weekdays", "дни недели", "days")),
    ),
)  # fmt: skip
_STOCK = KindRules(
    ImportKind.STOCK,
    (
        Column("date", ValueType.DATE, ("дата", "day", "as of", "на дату", "дата остатка", "snapshot date", "stock date"), may_be_future=False),
        _SKU,
        Column("on_hand", ValueType.NUMBER, ("остаток", "остатки", "наличие", "в наличии", "stock", "balance", *_QUANTITY_NAMES[:3], "on hand", "available", "количество на складе"), is_required=True),
        Column("reserved", ValueType.NUMBER, ("резерв", "в резерве", "reserve", "зарезервировано", "allocated"), bound=_NOT_NEGATIVE),
        _WAREHOUSE,
    ),
)  # fmt: skip
_PURCHASE_ORDERS = KindRules(
    ImportKind.PURCHASE_ORDERS,
    (
        Column("order_number", ValueType.CODE, ("order", "номер заказа", "заказ", "po", "po number", "number", "номер", "purchase order", "order id", "order no"), is_required=True),
        Column("supplier", ValueType.CODE, _SUPPLIER_NAMES, is_required=True),
        _SKU,
        Column("quantity", ValueType.NUMBER, ("ordered", "заказано", "ordered quantity", *_QUANTITY_NAMES[:3]), is_required=True, bound=_POSITIVE),
        Column("ordered_on", ValueType.DATE, ("дата заказа", "order date", "ordered at", "date", "дата"), is_required=True, may_be_future=False),
        Column("expected_on", ValueType.DATE, ("ожидается", "ожидаемая дата", "дата поставки", "expected date", "due date", "eta", "expected")),
        Column("received_on", ValueType.DATE, ("получено", "дата получения", "дата приемки", "received date", "receipt date", "delivered on"), may_be_future=False),
        Column("received_quantity", ValueType.NUMBER, ("получено количество", "принято", "received qty", "received", "delivered quantity", "количество получено"), bound=_NOT_NEGATIVE),
        _WAREHOUSE,
        _COST,
        _CURRENCY,
    ),
    date_order=(("ordered_on", "received_on"), ("ordered_on", "expected_on")),
)  # fmt: skip

RULES = {rules.kind: rules for rules in (_SALES, _PRODUCTS, _SUPPLIERS, _STOCK, _PURCHASE_ORDERS)}
