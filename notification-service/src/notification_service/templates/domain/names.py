"""What the events are called for people, and where each leads."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

TITLES: Mapping[str, Mapping[Language, str]] = MappingProxyType(
    {
        "data.import.completed": {"en": "Import finished", "ru": "Загрузка завершена"},
        "data.import.failed": {"en": "Import failed", "ru": "Загрузка не удалась"},
        "data.purchase-order.created": {"en": "Purchase order drafted", "ru": "Создан черновик заказа"},
        "data.purchase-order.approved": {"en": "Purchase order approved", "ru": "Заказ согласован"},
        "data.purchase-order.ordered": {"en": "Purchase order placed", "ru": "Заказ размещён у поставщика"},
        "data.purchase-order.received": {"en": "Goods received", "ru": "Поступил товар"},
        "data.purchase-order.late": {"en": "Purchase order is late", "ru": "Поставка опаздывает"},
        "data.purchase-order.cancelled": {"en": "Purchase order cancelled", "ru": "Заказ отменён"},
        "forecast.run.completed": {"en": "Forecast updated", "ru": "Прогноз обновлён"},
        "forecast.run.failed": {"en": "Forecast failed", "ru": "Прогноз не рассчитан"},
        "forecast.recommendations.published": {"en": "Order plan is ready", "ru": "Готов план закупок"},
        "forecast.stockout-risk.detected": {"en": "Articles will run out", "ru": "Товары закончатся"},
        "monitoring.alert.fired": {"en": "Alert", "ru": "Тревога"},
        "monitoring.alert.resolved": {"en": "Alert resolved", "ru": "Тревога снята"},
        "storage.export.completed": {"en": "Export is ready", "ru": "Выгрузка готова"},
        "storage.backup.completed": {"en": "Backup written", "ru": "Резервная копия записана"},
        "storage.backup.verified": {"en": "Backup verified", "ru": "Резервная копия проверена"},
        "storage.backup.failed": {"en": "Backup failed", "ru": "Резервная копия не удалась"},
    }
)

LINKS: Mapping[str, str] = MappingProxyType(
    {
        "data.import.completed": "/api/v1/data/imports/{import_id}",
        "data.import.failed": "/api/v1/data/imports/{import_id}",
        "data.purchase-order.created": "/api/v1/data/purchase-orders/{order_id}",
        "data.purchase-order.approved": "/api/v1/data/purchase-orders/{order_id}",
        "data.purchase-order.ordered": "/api/v1/data/purchase-orders/{order_id}",
        "data.purchase-order.received": "/api/v1/data/purchase-orders/{order_id}",
        "data.purchase-order.late": "/api/v1/data/purchase-orders/{order_id}",
        "data.purchase-order.cancelled": "/api/v1/data/purchase-orders/{order_id}",
        "forecast.run.completed": "/api/v1/forecast/runs/{run_id}",
        "forecast.run.failed": "/api/v1/forecast/runs/{run_id}",
        "forecast.recommendations.published": "/api/v1/forecast/recommendations?plan_id={plan_id}",
        "storage.export.completed": "/api/v1/storage/exports/{export_id}/content",
        "storage.backup.completed": "/api/v1/storage/backups/{backup_id}",
        "storage.backup.verified": "/api/v1/storage/backups/{backup_id}",
        "storage.backup.failed": "/api/v1/storage/backups/{backup_id}",
    }
)


def event_name(event_type: str) -> str:
    """The event without its version: `forecast.run.completed.v1` is `forecast.run.completed`."""
    head, _, version = event_type.rpartition(".")
    return head if version.startswith("v") and version[1:].isdigit() else event_type
