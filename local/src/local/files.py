"""Which kind of data a file holds, told by its header; its name decides only between equals."""

import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.errors import UsageError

_HEAD_BYTES = 65_536
_DELIMITERS = ",;\t|"
_NOT_WORD = re.compile(r"[\W_]+")
# The order of loading: what others refer to comes first.
KINDS = ("suppliers", "products", "sales", "stock", "purchase-orders")

_NAMES = {
    "sku": "sku article артикул код item product stockcode itemcode productcode articlecode vendorcode товар кодтовара "
    "артикултовара кодноменклатуры itemid productid skuid",
    "date": "date дата day день датапродажи saledate soldon salesdate invoicedate orderdate датаостатка stockdate asof",
    "quantity": "quantity qty количество колво кол units шт amount продано sold unitssold quantitysold продажи "
    "заказано",
    "price": "price цена unitprice saleprice ценапродажи sellingprice розничнаяцена",
    "on_hand": "onhand остаток остатки наличие вналичии stock balance available количествонаскладе",
    "reserved": "reserved резерв врезерве reserve зарезервировано allocated",
    "order_number": "ordernumber order номерзаказа заказ po ponumber purchaseorder orderid orderno номер",
    "ordered_on": "orderedon orderedat датазаказа orderdate",
    "expected_on": "expectedon ожидается ожидаемаядата датапоставки expecteddate duedate eta",
    "received_on": "receivedon датаполучения получено датаприемки receiveddate deliveredon receivedquantity принято",
    "supplier": "supplier поставщик vendor suppliercode кодпоставщика supplierid vendorid",
    "name": "name наименование название title productname itemname номенклатура suppliername описание description",
    "category": "category категория group группа productgroup товарнаягруппа",
    "pack_size": "packsize pack упаковка вупаковке кратность unitsperpack moq минимальныйзаказ minqty",
    "cost": "cost себестоимость закупочнаяцена ценазакупки purchaseprice unitcost",
    "lead_time_days": "leadtimedays leadtime срокпоставки срокпоставкидней leadtimeindays срокдоставки",
    "min_order_value": "minordervalue минимальнаясуммазаказа minimumordervalue минсуммазаказа минсумма",
    "order_weekdays": "orderweekdays днизаказа orderdays weekdays днинедели",
}
_COLUMN_OF = {name: column for column, names in reversed(_NAMES.items()) for name in names.split()}


@dataclass(frozen=True)
class _Rule:
    required: frozenset[str]
    typical: frozenset[str]
    excluded: frozenset[str] = frozenset()


_RULES = {
    "sales": _Rule(
        frozenset({"sku", "date", "quantity"}),
        frozenset({"price"}),
        frozenset({"on_hand", "ordered_on", "expected_on"}),
    ),
    "products": _Rule(
        frozenset({"sku"}),
        frozenset({"name", "category", "supplier", "pack_size", "cost", "price"}),
        frozenset({"quantity"}),
    ),
    "suppliers": _Rule(
        frozenset(),
        frozenset({"supplier", "name", "lead_time_days", "min_order_value", "order_weekdays"}),
        frozenset({"sku"}),
    ),
    "stock": _Rule(frozenset({"sku", "on_hand"}), frozenset({"date", "reserved"}), frozenset({"ordered_on"})),
    "purchase-orders": _Rule(
        frozenset({"sku", "quantity", "supplier"}),
        frozenset({"order_number", "ordered_on", "expected_on", "received_on"}),
        frozenset({"on_hand"}),
    ),
}
_NAME_HINTS = {
    "sales": ("sales", "sale", "продаж"),
    "products": ("product", "article", "item", "товар", "номенклатур"),
    "suppliers": ("supplier", "vendor", "поставщик"),
    "stock": ("stock", "inventory", "остат"),
    "purchase-orders": ("purchase", "order", "po", "заказ"),
}


def recognise(path: Path) -> str:
    """One of KINDS.

    Raises:
        UsageError: the file cannot be read, is empty, or its columns fit no kind.
    """
    header = read_header(path)
    kinds = kinds_of(header)
    if len(kinds) > 1:
        kinds = [kind for kind in kinds if any(hint in path.name.lower() for hint in _NAME_HINTS[kind])] or kinds
    if not kinds:
        raise UsageError(
            f"{path}: cannot tell what this file holds from its columns ({', '.join(header)[:200]}). "
            "Sales need date, sku, quantity; products sku and name; suppliers supplier and lead_time_days; "
            "stock sku and on_hand; purchase orders order_number, supplier, sku, quantity. Or name it: import --kind."
        )
    return kinds[0]


def kinds_of(header: Sequence[str]) -> list[str]:
    """The kinds that fit best, several when they fit equally well, none when nothing fits."""
    columns = {_COLUMN_OF[name] for name in map(_normalised, header) if name in _COLUMN_OF}
    scores = {
        kind: len(rule.required & columns) + len(rule.typical & columns)
        for kind, rule in _RULES.items()
        if rule.required <= columns and not rule.excluded & columns
    }
    best = max(scores.values(), default=0)
    return [kind for kind in KINDS if best >= 2 and scores.get(kind) == best]


def read_header(path: Path) -> list[str]:
    text = _decoded(_head(path))
    line = next((line for line in text.splitlines() if line.strip()), "")
    if not line:
        raise UsageError(f"{path}: the file is empty.")
    headers = [[name.strip() for name in next(csv.reader([line], delimiter=each))] for each in _DELIMITERS]
    return max(headers, key=lambda names: (sum(_normalised(name) in _COLUMN_OF for name in names), len(names)))


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the files in it.")
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if is_packed else path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: cannot be read ({error}).") from None


def _decoded(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        is_cut_short = error.start > len(head) - 4
        return head.decode("utf-8-sig", "ignore") if is_cut_short else head.decode("cp1251", "replace")


def _normalised(name: str) -> str:
    return _NOT_WORD.sub("", name.lower().replace("ё", "е"))
