"""Suppliers and articles of the sample company."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CATEGORIES = {
    "Coffee and tea": ("Arabica beans", "Espresso blend", "Green tea", "Black tea", "Herbal tea", "Instant coffee"),
    "Sweets": ("Dark chocolate", "Wafer rolls", "Butter cookies", "Fruit jelly", "Caramel bar", "Halva"),
    "Groceries": ("Rice", "Buckwheat", "Pasta", "Olive oil", "Wheat flour", "Red lentils"),
    "Household": ("Dish soap", "Paper towels", "Sponges", "Laundry powder", "Candles", "Bin bags"),
    "Drinks": ("Mineral water", "Apple juice", "Lemonade", "Kvass", "Iced tea", "Tomato juice"),
    "Garden": ("Potting soil", "Plant food", "Seeds mix", "Charcoal", "Garden gloves", "Watering can"),
}
_SIZES = ("small", "medium", "large", "family", "economy", "gift", "classic", "premium", "light")
# In the order of the fields of Supplier; weekdays count from Monday = 0.
_SUPPLIERS = (
    ("S01", "Northern Roasters", 5, 0.0, 250.0, "EUR", (0, 3)),
    ("S02", "Sweet Factory", 7, 0.3, 500.0, "EUR", (1,)),
    ("S03", "Grain Union", 10, 0.5, 400.0, "EUR", (0, 2, 4)),
    ("S04", "Clean Home Trade", 7, 4.0, 300.0, "USD", (2,)),
    ("S05", "Spring Water", 3, 0.2, 150.0, "EUR", (0, 1, 2, 3, 4)),
    ("S06", "Green Thumb", 14, 6.0, 600.0, "USD", (0, 3)),
    ("S07", "City Wholesale", 4, 0.5, 0.0, "EUR", (0, 1, 2, 3, 4)),
    ("S08", "Far East Import", 28, 3.0, 1500.0, "EUR", (1, 4)),
)
_CATEGORY_SUPPLIERS = ((0, 7), (1, 6), (2, 6), (3, 6), (4, 6), (5, 7))


@dataclass(frozen=True)
class Supplier:
    """`delay_days`: how late deliveries are on average, beyond the stated lead time."""

    code: str
    name: str
    lead_time_days: int
    delay_days: float
    min_order_value: float
    currency: str
    order_weekdays: tuple[int, ...]


SUPPLIERS = tuple(Supplier(*row) for row in _SUPPLIERS)


@dataclass(frozen=True)
class Articles:
    """One entry per article in every field; `supplier` and `category` are indexes."""

    sku: list[str]
    name: list[str]
    category: NDArray[np.int64]
    supplier: NDArray[np.int64]
    pack_size: NDArray[np.int64]
    moq: NDArray[np.int64]
    cost: NDArray[np.float64]
    price: NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.sku)

    def category_name(self, article: int) -> str:
        return list(_CATEGORIES)[int(self.category[article])]


def make_articles(random: np.random.Generator, count: int) -> Articles:
    category = random.integers(0, len(_CATEGORIES), count)
    preferred = random.random(count) < 0.7
    supplier = np.array(
        [_CATEGORY_SUPPLIERS[group][0 if first else 1] for group, first in zip(category, preferred, strict=True)]
    )
    pack_size = random.choice([1, 6, 10, 12, 24], count, p=[0.3, 0.2, 0.2, 0.2, 0.1])
    cost = np.round(np.exp(random.normal(1.2, 0.7, count)), 2).astype(np.float64)
    return Articles(
        sku=[f"A{number:04d}" for number in range(1, count + 1)],
        name=[_name(int(group), number) for number, group in enumerate(category)],
        category=category,
        supplier=supplier,
        pack_size=pack_size,
        moq=pack_size * random.choice([1, 1, 2, 5], count),
        cost=cost,
        price=np.round(cost * random.uniform(1.25, 1.8, count), 2).astype(np.float64),
    )


def _name(category: int, number: int) -> str:
    nouns = list(_CATEGORIES.values())[category]
    return f"{nouns[number % len(nouns)]}, {_SIZES[number // len(nouns) % len(_SIZES)]} {number // 54 + 1}"
