"""Numbers, money, dates, durations, sizes and plural forms of one language, by babel."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.dates import format_datetime, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol
from babel.units import format_unit

# The order in which a template gives the forms of a word.
PLURAL_FORMS: Mapping[str, tuple[str, ...]] = {"en": ("one", "other"), "ru": ("one", "few", "many")}
_FRACTION_FORM = {"en": "other", "ru": "few"}
_WHOLE_MONEY_FROM = 1000
_LARGEST = 10**18  # above it, and for what is not a number, scientific notation
_SIZES = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte")


@dataclass(frozen=True)
class Formats:
    """`zone` is where moments are shown; `today` decides whether a date needs its year."""

    language: str
    zone: tzinfo
    today: date

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.language)

    def number(self, value: float | Decimal, digits: int = 1) -> str:
        """At most `digits` decimals, none for whole numbers."""
        if not abs(float(value)) < _LARGEST:
            return f"{value:.2E}"
        pattern = "#,##0" + ("." + "#" * digits if digits else "")
        return str(format_decimal(value, pattern, locale=self.locale))

    def money(self, value: float | Decimal, currency: str) -> str:
        """Whole units from a thousand on, two decimals below."""
        if not abs(float(value)) < _LARGEST:
            return f"{value:.2E} {currency}"
        digits = 0 if abs(float(value)) >= _WHOLE_MONEY_FROM or value == int(value) else 2
        rounded = round(Decimal(value), digits)
        standard = self.locale.currency_formats["standard"].pattern
        pattern = standard if digits else standard.replace("0.00", "0")
        if pattern.startswith("¤#") and get_currency_symbol(currency, self.locale)[-1:].isalpha():
            pattern = pattern.replace("¤", "¤\u00a0", 1)  # CLDR keeps letters and digits apart
        return str(format_currency(rounded, currency, pattern, locale=self.locale, currency_digits=False))

    def totals(self, items: Iterable[Mapping[str, Any]], field: str) -> str:
        """The sum of `field`, one amount per currency, largest first."""
        sums: dict[str, Decimal] = {}
        for item in items:
            sums[item["currency"]] = sums.get(item["currency"], Decimal(0)) + Decimal(item[field])
        ordered = sorted(sums.items(), key=lambda pair: -pair[1])
        return " + ".join(self.money(value, currency) for currency, value in ordered)

    def percent(self, fraction: float) -> str:
        if not abs(fraction) < _LARGEST:
            return f"{fraction:.2E}"
        return str(format_percent(fraction, "#,##0.#%", locale=self.locale))

    def day(self, value: date, other: date | None = None) -> str:
        """Without the year when it is this one and that of `other`, the far end of a period."""
        plain = value.year == self.today.year == (other or value).year
        skeleton = "MMMd" if plain else "yMMMd"
        return str(format_skeleton(skeleton, value, locale=self.locale))

    def moment(self, value: datetime) -> str:
        local = value.astimezone(self.zone)
        return f"{self.day(local.date())}, {format_datetime(local, 'HH:mm', locale=self.locale)} {local.tzname()}"

    def duration(self, seconds: float) -> str:
        """The two largest units; tenths of a second below ten seconds."""
        if not seconds < _LARGEST:
            return f"{seconds:.2E}"
        if seconds < 10:
            return self._unit(round(seconds, 1), "second")
        whole = round(seconds)
        for unit, size, smaller, smaller_size in (("hour", 3600, "minute", 60), ("minute", 60, "second", 1)):
            if whole >= size:
                rest = whole % size // smaller_size
                return self._unit(whole // size, unit) + (f" {self._unit(rest, smaller)}" if rest else "")
        return self._unit(whole, "second")

    def size(self, size_bytes: int) -> str:
        power = min(len(_SIZES) - 1, int(math.log(size_bytes, 1000))) if size_bytes > 0 else 0
        return self._unit(round(size_bytes / 1000**power, 1 if power else 0), _SIZES[power])

    def _unit(self, value: float, unit: str) -> str:
        return str(format_unit(value, unit, "short", "#,##0.#", locale=self.locale))

    def plural(self, count: float | Decimal, *forms: str) -> str:
        """The form of a word that goes with `count`; English takes two, Russian three (1, 2, 5).

        Raises:
            ValueError: another number of forms.
        """
        names = PLURAL_FORMS[self.language]
        if len(forms) != len(names):
            raise ValueError(f"{self.language} needs {len(names)} forms of a word, got {forms}")
        form = self.locale.plural_form(count)
        return forms[names.index(form if form in names else _FRACTION_FORM[self.language])]

    def count(self, count: float | Decimal, *forms: str) -> str:
        """`37 articles`, with a space that does not break."""
        return f"{self.number(count)}\u00a0{self.plural(count, *forms)}"

    def short(self, text: str, length: int = 60) -> str:
        """One line of at most `length` characters."""
        line = " ".join(text.split())
        return line if len(line) <= length else line[: length - 1].rstrip() + "…"


FILTERS = ("number", "money", "totals", "percent", "day", "moment", "duration", "size", "plural", "count", "short")
