"""The procurement plan as a table: its columns, the row of a recommendation, and its totals."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from storage_service.exports.domain.layout import Block, Cell, CellType, Column, Language, Layout, to_cell
from storage_service.exports.domain.text import clean_text

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "plan": {"en": "Plan", "ru": "План"},
    "summary": {"en": "Summary", "ru": "Сводка"},
    "about": {"en": "About this plan", "ru": "О плане"},
    "what": {"en": "What", "ru": "Показатель"},
    "value": {"en": "Value", "ru": "Значение"},
    "plan_id": {"en": "Plan", "ru": "План"},
    "created": {"en": "Plan made on (UTC)", "ru": "План составлен (UTC)"},
    "exported": {"en": "Exported on (UTC)", "ru": "Выгружено (UTC)"},
    "lines": {"en": "Lines", "ru": "Строк"},
    "blocked_lines": {"en": "Blocked lines", "ru": "Заблокировано строк"},
    "suppliers": {"en": "By supplier", "ru": "По поставщикам"},
    "statuses": {"en": "By status", "ru": "По статусам"},
    "totals": {"en": "Totals", "ru": "Итого"},
    "supplier": {"en": "Supplier", "ru": "Поставщик"},
    "status": {"en": "Status", "ru": "Статус"},
    "amount": {"en": "Value", "ru": "Сумма"},
    "shortage": {"en": "Shortage without order", "ru": "Нехватка без заказа"},
    "currency": {"en": "Currency", "ru": "Валюта"},
}

_STATUSES: Mapping[str, Mapping[str, str]] = {
    "proposed": {"en": "proposed", "ru": "предложено"},
    "approved": {"en": "approved", "ru": "утверждено"},
    "rejected": {"en": "rejected", "ru": "отклонено"},
    "ordered": {"en": "ordered", "ru": "заказано"},
    "superseded": {"en": "superseded", "ru": "заменено новым планом"},
    "snoozed": {"en": "snoozed", "ru": "отложено"},
    "waits": {"en": "waits for the minimum order", "ru": "ждёт минимальной суммы заказа"},
    "not_needed": {"en": "not needed", "ru": "не требуется"},
    "drafted": {"en": "drafted", "ru": "в черновике заказа"},
}

_COLUMNS: tuple[tuple[str, str, CellType, float], ...] = (
    ("SKU", "Артикул", CellType.TEXT, 16),
    ("Name", "Наименование", CellType.TEXT, 38),
    ("Supplier", "Поставщик", CellType.TEXT, 26),
    ("Warehouse", "Склад", CellType.TEXT, 14),
    ("Status", "Статус", CellType.TEXT, 14),
    ("Order quantity", "Заказать", CellType.QUANTITY, 14),
    ("Unit", "Ед.", CellType.TEXT, 7),
    ("Unit cost", "Цена закупки", CellType.MONEY, 13),
    ("Line value", "Сумма", CellType.MONEY, 15),
    ("Currency", "Валюта", CellType.TEXT, 9),
    ("Order by", "Заказать до", CellType.DATE, 12),
    ("Runs out on", "Закончится", CellType.DATE, 12),
    ("Days of cover", "Запас, дней", CellType.QUANTITY, 12),
    ("On hand", "На складе", CellType.QUANTITY, 11),
    ("On order", "В пути", CellType.QUANTITY, 11),
    ("Reserved", "В резерве", CellType.QUANTITY, 11),
    ("Expected shortage", "Ожидаемая нехватка", CellType.QUANTITY, 18),
    ("Shortage value", "Нехватка, сумма", CellType.MONEY, 16),
    ("Urgency", "Срочность", CellType.MONEY, 13),
    ("Service level", "Уровень сервиса", CellType.PERCENT, 14),
    ("Reason", "Почему", CellType.TEXT, 70),
    ("Blocked because", "Почему заблокировано", CellType.TEXT, 36),
)


@dataclass(frozen=True)
class PlanLine:
    """One recommendation, as far as an export shows it; unknown figures are None."""

    sku: str
    name: str
    supplier: str
    warehouse: str
    status: str
    quantity: Decimal | None
    unit: str | None
    unit_cost: Decimal | None
    line_value: Decimal | None
    currency: str | None
    order_by: date | None
    runs_out_on: date | None
    days_of_cover: float | None
    on_hand: float | None
    on_order: float | None
    reserved: float | None
    expected_shortage_units: float | None
    expected_shortage_value: Decimal | None
    urgency_value: Decimal | None
    service_level: float | None
    reason: str
    blocked: str | None


@dataclass(frozen=True)
class PlanHeader:
    plan_id: str
    created_at: datetime | None
    exported_at: datetime


def plan_layout(language: Language) -> Layout:
    columns = tuple(
        Column(english if language == "en" else russian, kind, width) for english, russian, kind, width in _COLUMNS
    )
    return Layout(language, _text("plan", language), _text("summary", language), columns)


def plan_row(line: PlanLine, language: Language) -> tuple[Cell, ...]:
    """The cells in the order of `plan_layout`'s columns."""
    status = _STATUSES.get(line.status, {}).get(language, line.status)
    values = (
        line.sku,
        line.name,
        line.supplier,
        line.warehouse,
        status,
        line.quantity,
        line.unit,
        line.unit_cost,
        line.line_value,
        line.currency,
        line.order_by,
        line.runs_out_on,
        line.days_of_cover,
        line.on_hand,
        line.on_order,
        line.reserved,
        line.expected_shortage_units,
        line.expected_shortage_value,
        line.urgency_value,
        line.service_level,
        line.reason,
        line.blocked,
    )
    return tuple(clean_text(value) if isinstance(value, str) else to_cell(value) for value in values)


@dataclass
class _Sum:
    lines: int = 0
    value: Decimal = Decimal(0)
    shortage: Decimal = Decimal(0)

    def add(self, line: PlanLine) -> None:
        self.lines += 1
        self.value += line.line_value or 0
        self.shortage += line.expected_shortage_value or 0


@dataclass
class PlanSummary:
    """Totals gathered while the lines stream by; memory grows with suppliers and currencies, not with lines."""

    lines: int = 0
    blocked: int = 0
    _suppliers: defaultdict[tuple[str, str], _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    _statuses: defaultdict[tuple[str, str], _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    _currencies: defaultdict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))

    def add(self, line: PlanLine) -> None:
        currency = line.currency or ""
        self.lines += 1
        self.blocked += line.blocked is not None
        self._suppliers[line.supplier, currency].add(line)
        self._statuses[line.status, currency].add(line)
        self._currencies[currency].add(line)

    def blocks(self, header: PlanHeader, language: Language) -> tuple[Block, ...]:
        """Sums are kept per currency: adding roubles to euros would be a lie."""
        by_value = sorted(self._suppliers.items(), key=lambda entry: (-entry[1].value, entry[0]))
        suppliers = tuple((clean_text(name), *_figures(total), money) for (name, money), total in by_value)
        statuses = tuple(
            (_STATUSES.get(name, {}).get(language, name), *_figures(total), money)
            for (name, money), total in sorted(self._statuses.items())
        )
        totals = tuple(
            (_text("totals", language), *_figures(total), money) for money, total in sorted(self._currencies.items())
        )
        return (
            self._about(header, language),
            Block(_text("totals", language), _sum_columns("what", language), totals),
            Block(_text("statuses", language), _sum_columns("status", language), statuses),
            Block(_text("suppliers", language), _sum_columns("supplier", language), suppliers),
        )

    def _about(self, header: PlanHeader, language: Language) -> Block:
        created = header.created_at.strftime("%Y-%m-%d %H:%M") if header.created_at else ""
        rows: tuple[tuple[Cell, ...], ...] = (
            (_text("plan_id", language), header.plan_id),
            (_text("created", language), created),
            (_text("exported", language), header.exported_at.strftime("%Y-%m-%d %H:%M")),
            (_text("lines", language), self.lines),
            (_text("blocked_lines", language), self.blocked),
        )
        columns = (
            Column(_text("what", language), CellType.TEXT, 34),
            Column(_text("value", language), CellType.TEXT, 12),
        )
        return Block(_text("about", language), columns, rows)


def _figures(total: _Sum) -> tuple[Cell, Cell, Cell]:
    return total.lines, float(total.value), float(total.shortage)


def _sum_columns(first: str, language: Language) -> tuple[Column, ...]:
    return (
        Column(_text(first, language), CellType.TEXT, 34),
        Column(_text("lines", language), CellType.INTEGER, 12),
        Column(_text("amount", language), CellType.MONEY, 18),
        Column(_text("shortage", language), CellType.MONEY, 24),
        Column(_text("currency", language), CellType.TEXT, 9),
    )


def _text(key: str, language: Language) -> str:
    return _TEXTS[key][language]
