"""The gateway with a forecast-service behind it, for services that read plans: a test fills it and makes it fail."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

PLAN_ID = UUID("0192f000-0000-7000-8000-00000000abcd")


def recommendation(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"0192f000-0000-7000-8000-{number:012d}",
        "plan_id": str(PLAN_ID),
        "sku": f"SKU-{number:05d}",
        "name": f"Товар {number}",
        "warehouse": "WH1",
        "supplier": f"S{number % 3}",
        "supplier_name": f"Поставщик {number % 3}",
        "quantity": 10 + number,
        "unit": "pcs",
        "unit_cost": "12.50",
        "currency": "EUR",
        "line_value": f"{12.5 * (10 + number):.2f}",
        "status": "proposed",
        "order_by": "2026-11-23",
        "runs_out_on": "2026-11-30",
        "days_of_cover": 7.5,
        "expected_shortage_units": 3.25,
        "expected_shortage_value": "40.63",
        "urgency_value": "99.9",
        "on_hand": 4,
        "on_order": 0,
        "reserved": 1,
        "service_level": 0.95,
        "reason": {"en": "Runs out before the delivery", "ru": "Закончится до поставки"},
        "blocked": None,
        "a_field_of_tomorrow": {"x": 1},
        **changes,
    }


@dataclass
class FakeForecast:
    """Answers as the gateway does for the routes exports call; `statuses` are given first, one per page request."""

    items: list[dict[str, Any]] = field(default_factory=lambda: [recommendation(number) for number in range(5)])
    has_plan: bool = True
    statuses: list[int] = field(default_factory=list)
    pages_asked: int = 0
    url: str = ""
    before_page: Callable[[], Awaitable[None]] | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v1/auth/token", self._token)
        app.router.add_get("/api/v1/forecast/plans/{plan}", self._plan)
        app.router.add_get("/api/v1/forecast/recommendations", self._recommendations)
        return app

    async def _token(self, _request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": 900, "token_type": "Bearer"})

    async def _plan(self, request: web.Request) -> web.Response:
        known = {"latest", str(PLAN_ID)} if self.has_plan else set()
        if request.match_info["plan"] not in known:
            return web.json_response({"status": 404, "code": "plan_not_found", "detail": "no plan"}, status=404)
        return web.json_response({"id": str(PLAN_ID), "created_at": "2026-11-22T05:00:00Z", "lines": len(self.items)})

    async def _recommendations(self, request: web.Request) -> web.Response:
        self.pages_asked += 1
        if self.before_page is not None:
            await self.before_page()
        if self.statuses:
            status = self.statuses.pop(0)
            return web.json_response({"status": status, "code": "x", "detail": "not now"}, status=status)
        assert request.query["plan_id"] == str(PLAN_ID)
        limit, start = int(request.query["limit"]), int(request.query.get("cursor", "0"))
        following = str(start + limit) if start + limit < len(self.items) else None
        return web.json_response({"items": self.items[start : start + limit], "next_cursor": following})
