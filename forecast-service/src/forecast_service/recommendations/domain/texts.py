"""Steps and reasons in words, English and Russian."""

from datetime import date

from forecast_service.recommendations.domain.explanation import LineInputs, Step

LANGUAGES = ("en", "ru")
Texts = dict[str, str]

_LABELS: dict[str, tuple[str, str]] = {
    "rate": ("Expected demand a day", "Ожидаемый спрос в день"),
    "protection": (
        "Days to cover: lead time and until the next order",
        "Дней покрытия: поставка и до следующего заказа",
    ),
    "expected_demand": ("Expected demand over these days", "Ожидаемый спрос за эти дни"),
    "service_level": ("Demand not exceeded at the service level", "Спрос, не превышаемый при уровне сервиса"),
    "lead_time_variability": ("Widened by late deliveries", "С учётом разброса срока поставки"),
    "less_than_a_unit": ("Less than half a unit: nothing is kept", "Меньше половины единицы: запас не держим"),
    "position": ("On hand + on order − reserved", "Остаток + в пути − резерв"),
    "need": ("Missing to the target", "Не хватает до цели"),
    "end_of_life": ("End of life: no more orders", "Вывод из ассортимента: больше не заказываем"),
    "minimum_quantity": ("Raised to the minimum quantity", "Увеличено до минимальной партии"),
    "pack": ("Rounded up to whole packs", "Округлено до целых упаковок"),
    "raised_to_minimum_value": ("Raised to the supplier's minimum value", "Увеличено до минимальной суммы поставщика"),
    "waits_for_minimum_value": ("Waits for the supplier's minimum value", "Ждёт минимальной суммы поставщика"),
    "minimum_value_unreachable": ("The supplier's minimum value is out of reach", "Минимальная сумма недостижима"),
    "result": ("Order", "Заказать"),
}

_BLOCKED: dict[str, tuple[str, str]] = {
    "stock_unknown": ("stock is unknown: import stock first", "остаток неизвестен: загрузите остатки"),
    "stock_negative": ("stock is negative: correct it first", "остаток отрицательный: сначала исправьте его"),
    "stock_stale": ("stock is older than sales: import stock", "остатки старше продаж: загрузите остатки"),
    "sales_stale": ("sales are older than stock: import sales", "продажи старше остатков: загрузите продажи"),
    "supplier_unknown": ("no supplier is known: name one", "поставщик неизвестен: укажите его"),
    "supplier_minimum_unreachable": (
        "the supplier's minimum order value cannot be reached: order by hand or agree on another",
        "минимальная сумма заказа недостижима: закажите вручную или договоритесь о другой",
    ),
}


def label(code: str) -> Texts:
    return dict(zip(LANGUAGES, _LABELS[code], strict=True))


def blocked_text(code: str) -> Texts:
    return dict(zip(LANGUAGES, _BLOCKED[code], strict=True))


def reason(inputs: LineInputs, steps: list[Step], blocked: str | None, next_order_on: date) -> Texts:
    """One sentence per language: "sold 4.2 a day, 19 days to cover, 112 needed at 95 % … → 58, packs of 12 → 60"."""
    return {
        "en": _english(inputs, steps, blocked, next_order_on),
        "ru": _russian(inputs, steps, blocked, next_order_on),
    }


def _english(inputs: LineInputs, steps: list[Step], blocked: str | None, next_order_on: date) -> str:
    values = {step.code: step.value for step in steps}
    target = values.get("lead_time_variability", values["service_level"])
    words = [
        f"sold {number(inputs.sold_daily)} a day, {number(inputs.expected_daily)} expected",
        f"{inputs.protection_days} {'day' if inputs.protection_days == 1 else 'days'} to cover",
        f"{number(target)} needed at {_percent(inputs.service_level)} %",
        f"{number(inputs.on_hand)} on hand",
    ]
    if inputs.on_order:
        words.append(f"{number(inputs.on_order)} on order")
    if inputs.reserved:
        words.append(f"{number(inputs.reserved)} reserved")
    text = f"{', '.join(words)} → {number(values['need'])}"
    for step in steps:
        match step.code:
            case "end_of_life":
                text += ", end of life → 0"
            case "minimum_quantity":
                text += f", minimum {number(inputs.minimum_quantity)} → {number(step.value)}"
            case "pack":
                packs = f"packs of {number(inputs.pack_size)}" if inputs.pack_size != 1 else "rounded up"
                text += f", {packs} → {number(step.value)}"
            case "raised_to_minimum_value":
                text += f", supplier minimum {_money(inputs)} → {number(step.value)}"
            case "waits_for_minimum_value":
                text += (
                    f", waits: supplier minimum {_money(inputs)}, nothing at risk before {next_order_on.isoformat()}"
                )
    return text + (f" — {blocked_text(blocked)['en']}" if blocked else "")


def _russian(inputs: LineInputs, steps: list[Step], blocked: str | None, next_order_on: date) -> str:
    values = {step.code: step.value for step in steps}
    target = values.get("lead_time_variability", values["service_level"])
    words = [
        f"продавали {_ru(inputs.sold_daily)} в день, ожидаем {_ru(inputs.expected_daily)}",
        f"покрыть {inputs.protection_days} {days_in_russian(inputs.protection_days)}",
        f"нужно {_ru(target)} при {_ru_text(_percent(inputs.service_level))} %",
        f"на складе {_ru(inputs.on_hand)}",
    ]
    if inputs.on_order:
        words.append(f"в пути {_ru(inputs.on_order)}")
    if inputs.reserved:
        words.append(f"в резерве {_ru(inputs.reserved)}")
    text = f"{', '.join(words)} → {_ru(values['need'])}"
    for step in steps:
        match step.code:
            case "end_of_life":
                text += ", вывод из ассортимента → 0"
            case "minimum_quantity":
                text += f", минимум {_ru(inputs.minimum_quantity)} → {_ru(step.value)}"
            case "pack":
                packs = f"упаковки по {_ru(inputs.pack_size)}" if inputs.pack_size != 1 else "округлено"
                text += f", {packs} → {_ru(step.value)}"
            case "raised_to_minimum_value":
                text += f", минимум поставщика {_ru_text(_money(inputs))} → {_ru(step.value)}"
            case "waits_for_minimum_value":
                day = next_order_on.strftime("%d.%m.%Y")
                text += f", ждёт: минимум поставщика {_ru_text(_money(inputs))}, до {day} ничего не кончится"
    return text + (f" — {blocked_text(blocked)['ru']}" if blocked else "")


def number(value: float) -> str:
    """Whole from 10 on, one decimal below, two below 1."""
    if value == round(value):
        return f"{value:.0f}"
    digits = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(level: float) -> str:
    return f"{level * 100:.1f}".rstrip("0").rstrip(".")


def _money(inputs: LineInputs) -> str:
    return f"{inputs.minimum_order_value:.2f} {inputs.currency}".replace(".00 ", " ").strip()


def _ru(value: float) -> str:
    return _ru_text(number(value))


def _ru_text(text: str) -> str:
    return text.replace(".", ",")


def days_in_russian(count: int) -> str:
    if count % 10 == 1 and count % 100 != 11:
        return "день"
    if count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14}:
        return "дня"
    return "дней"
