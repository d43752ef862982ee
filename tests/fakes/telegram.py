"""A Telegram Bot API server for tests: the real wire protocol on a loopback port, with faults on request.

`python -m tests.fakes.telegram --port 9900 --token 1:secret` serves it to other processes. Methods are at
`/bot<token>/<method>`; a script steers and reads it under `/sim/…`: `GET outbox`, `GET calls`, `POST fault`, `POST chat`,
`POST message`, `POST callback`, `POST limits`, `POST reset`.
"""

import argparse
import asyncio
import contextlib
from dataclasses import fields
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from tests.fakes.telegram_methods import Methods, structured
from tests.fakes.telegram_state import ApiError, Call, Fault, State, Upload

TOKEN = "123456789:fake-token_for-tests_0123456789abcdef"
ABRUPT = ("drop", "hang", "garbage")


class FakeTelegram:
    """`state` is open to tests in the same process; `base_url` is what a client is given instead of api.telegram.org."""

    def __init__(self, token: str = TOKEN, *, username: str = "procurement_test_bot") -> None:
        self.token = token
        self._username = username
        self.state = self._new_state()
        self._methods = Methods(self.state)
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._deliveries: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _new_state(self) -> State:
        return State(bot_id=int(self.token.partition(":")[0]), username=self._username)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        app = web.Application(client_max_size=60 * 2**20)
        app.router.add_route("*", "/bot{token}/{method}", self._serve)
        app.router.add_get("/sim/{what}", self._sim_read)
        app.router.add_post("/sim/{what}", self._sim_write)
        self._stopping.clear()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port or self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._stopping.set()
        for task in list(self._deliveries):
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def reset(self) -> None:
        self.state = self._new_state()
        self._methods = Methods(self.state)

    def fault(self, **values: Any) -> Fault:
        fault = Fault(**values)
        self.state.faults.append(fault)
        return fault

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            if request.match_info["token"] != self.token:
                well_formed = request.match_info["token"].partition(":")[0].isdigit()
                raise ApiError(401, "Unauthorized") if well_formed else ApiError(404, "Not Found")
            method = self._methods.canonical(request.match_info["method"])
            params, files = await _read(request)
            call = Call(method, structured(params), files)
        except ApiError as error:
            return web.json_response(error.body(), status=error.code)
        self.state.calls.append(call)
        return await self._answer(request, call)

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        fault = self.state.take_fault(call)
        try:
            if fault is not None and fault.action == "error":
                raise fault.error()
            if fault is not None and fault.action == "slow":
                await asyncio.sleep(fault.seconds)
            if fault is not None and fault.action in ABRUPT:
                return await self._break(request, fault)
            call.response = {"ok": True, "result": await self._methods.run(call)}
            call.status = 200
        except ApiError as error:
            call.response, call.status = error.body(), error.code
        if fault is not None and fault.action.endswith("_after_accept"):
            call.status = call.response = None
            return await self._break(request, fault)
        return web.json_response(call.response, status=call.status)

    async def _break(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.action == "garbage":
            return web.Response(status=fault.code, text="<html>502 Bad Gateway</html>", content_type="text/html")
        if fault.action.startswith("hang"):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), fault.seconds)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def user_says(self, chat_id: int, text: str, user: dict[str, Any] | None = None) -> dict[str, Any]:
        chat = self.state.chat(chat_id)
        message = self.state.new_message(chat, user or _user(chat_id), {"text": text})
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}]
        return await self._push("message", message)

    async def user_taps(self, chat_id: int, message_id: int, data: str, user: dict[str, Any] | None = None) -> str:
        message = next(m for m in self.state.sent if m["message_id"] == message_id and m["chat"]["id"] == chat_id)
        query = {
            "id": str(self.state.next_update_id * 1000),
            "from": user or _user(chat_id),
            "message": message,
            "chat_instance": str(chat_id),
            "data": data,
        }
        self.state.open_queries.add(query["id"])
        await self._push("callback_query", query)
        return query["id"]

    async def _push(self, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        update = await self.state.push(kind, value)
        if self.state.webhook:
            task = asyncio.create_task(self._deliver(update, dict(self.state.webhook)))
            self._deliveries.add(task)
            task.add_done_callback(self._deliveries.discard)
        return update

    async def _deliver(self, update: dict[str, Any], webhook: dict[str, Any]) -> None:
        """As Telegram does: again and again until the receiver answers 2xx."""
        secret = webhook.get("secret_token")
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            for pause in (0.1, 0.5, 1, 2, 5):
                try:
                    async with session.post(webhook["url"], json=update, headers=headers) as response:
                        if response.status < 300:
                            self.state.updates = [u for u in self.state.updates if u is not update]
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(pause)

    async def _sim_read(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        if what == "outbox":
            return web.json_response({"messages": self.state.sent, "answered": self.state.answered})
        if what == "calls":
            return web.json_response({"calls": self.state.describe_calls(), "refused": self.state.limits.refused})
        raise web.HTTPNotFound(text=f"no /sim/{what}")

    async def _sim_write(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json() if request.can_read_body else {}
        match request.match_info["what"]:
            case "fault":
                unknown = body.keys() - {f.name for f in fields(Fault)}
                if unknown:
                    raise web.HTTPBadRequest(text=f"unknown: {', '.join(sorted(unknown))}")
                self.fault(**body)
            case "chat":
                self.state.set_chat(int(body["id"]), body.get("state", "ok"), body.get("migrated_to"))
            case "message":
                return web.json_response(await self.user_says(int(body["chat_id"]), body["text"], body.get("from")))
            case "callback":
                query = await self.user_taps(
                    int(body["chat_id"]), int(body["message_id"]), body["data"], body.get("from")
                )
                return web.json_response({"callback_query_id": query})
            case "limits":
                self.state.limits.enforced = bool(body["enforced"])
            case "reset":
                self.reset()
            case other:
                raise web.HTTPNotFound(text=f"no /sim/{other}")
        return web.json_response({"ok": True})


def _user(chat_id: int) -> dict[str, Any]:
    return {"id": abs(chat_id), "is_bot": False, "first_name": "Buyer", "language_code": "en"}


async def _read(request: web.Request) -> tuple[dict[str, Any], dict[str, Upload]]:
    params: dict[str, Any] = dict(request.query)
    files: dict[str, Upload] = {}
    if request.content_type == "application/json":
        params |= await request.json()
    elif request.content_type.startswith(("multipart/", "application/x-www-form-urlencoded")):
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = Upload(value.filename, value.content_type, value.file.read())
            else:
                params[name] = value
    return params, files


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.telegram", description="A fake Telegram Bot API.")
    parser.add_argument("--port", type=int, default=9900)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; containers need one they can reach")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--enforce-limits", action="store_true", help="1/s a chat, 20/min a group, 30/s in all")
    options = parser.parse_args()
    fake = FakeTelegram(options.token)
    fake.state.limits.enforced = options.enforce_limits
    await fake.start(options.port, options.host)
    print(f"fake Telegram at {fake.base_url}", flush=True)  # noqa: T201 -- for the process that started this one
    try:
        await asyncio.Event().wait()
    finally:
        await fake.stop()


if __name__ == "__main__":
    asyncio.run(_main())
