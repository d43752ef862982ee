"""A small company for the end-to-end test: written as people write files, with the dirt counted."""

import gzip
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

ARTICLES = 24
DAYS = 240
PACK = 6
MOQ = 12
URGENT = "A-001"
ON_ORDER = "A-002"


@dataclass(frozen=True)
class Company:
    products: Path
    suppliers: Path
    sales: Path
    stock: Path
    purchase_orders: Path
    sales_rows: int
    bad_sales_rows: int
    last_day: date


def _articles() -> list[str]:
    return [f"A-{number:03d}" for number in range(1, ARTICLES + 1)]


def write_company(folder: Path) -> Company:
    """Sales end yesterday; `URGENT` has one piece left and nothing coming, `ON_ORDER` has plenty on its way."""
    rng = random.Random(7)
    last_day = datetime.now(UTC).date() - timedelta(days=1)
    days = [last_day - timedelta(days=back) for back in reversed(range(DAYS))]
    return Company(
        products=_write(
            folder / "products.csv",
            ["sku,name,category,supplier,unit,pack_size,moq,cost,price"]
            + [
                f"{sku},Article {sku},CAT{i % 3},S{i % 2 + 1},pcs,{PACK},{MOQ},2.50,4.00"
                for i, sku in enumerate(_articles())
            ],
        ),
        suppliers=_write(
            folder / "suppliers.csv",
            [
                "supplier,name,lead_time_days,min_order_value,currency,order_weekdays",
                "S1,First,5,0,EUR,",
                'S2,Second,7,0,EUR,"Mon,Thu"',
            ],
        ),
        sales=_sales(folder / "продажи.csv.gz", days, rng),
        stock=_write(
            folder / "stock.csv",
            ["date,sku,on_hand,reserved"]
            + [f"{last_day},{sku},{1 if sku in {URGENT, ON_ORDER} else 400},0" for sku in _articles()],
        ),
        purchase_orders=_write(
            folder / "orders.csv",
            [
                "order_number,supplier,sku,quantity,ordered_on,expected_on,received_on,received_quantity",
                f"PO-1,S1,{_articles()[2]},60,{days[100]},{days[105]},{days[106]},60",
                f"PO-2,S2,{ON_ORDER},5000,{last_day},{last_day + timedelta(days=3)},,",
            ],
        ),
        sales_rows=ARTICLES * DAYS + 3,
        bad_sales_rows=2,
        last_day=last_day,
    )


def _sales(path: Path, days: list[date], rng: random.Random) -> Path:
    """In Russian: cp1251, semicolons, decimal commas, dd.mm.yyyy, gzip; two bad rows and one exact duplicate."""
    lines = ["дата;артикул;количество;цена"]
    for i, sku in enumerate(_articles()):
        for day in days:
            weekend = 1.5 if day.isoweekday() >= 6 else 1.0
            quantity = max(0, round(rng.gauss((4 + i % 5) * weekend, 1.5)))
            lines.append(f"{day:%d.%m.%Y};{sku};{quantity};4,00")
    lines += [f"31.02.{days[-1]:%Y};A-003;5;4,00", f"{days[-1]:%d.%m.%Y};A-004;5;-4,00", lines[1]]
    path.write_bytes(gzip.compress("\r\n".join(lines).encode("cp1251")))
    return path


def _write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
