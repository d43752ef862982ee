"""The fake Telegram server is made for no client: two of them and aiogram's models agree with it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import telegram
from aiogram import Bot as AiogramBot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter, TelegramUnauthorizedError
from aiogram.types import BufferedInputFile
from aiogram.types import InlineKeyboardButton as AiogramButton
from aiogram.types import InlineKeyboardMarkup as AiogramMarkup
from aiohttp import web
from telegram import InlineKeyboardButton, InlineKeyboardMarkup
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_oracle import violations

CHAT = 4242
WRONG_TOKEN = "987654321:not-the-token_0123456789abcdefghi"


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as server:
        yield server
        assert violations(server.state.calls) == []


@pytest.fixture
async def ptb(fake: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[telegram.Bot]:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    async with telegram.Bot(TOKEN, base_url=f"{fake.base_url}/bot") as bot:
        yield bot


@pytest.fixture
async def aiogram(fake: FakeTelegram) -> AsyncIterator[AiogramBot]:
    bot = AiogramBot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(fake.base_url)))
    yield bot
    await bot.session.close()


async def test_python_telegram_bot_sends_edits_and_answers(fake: FakeTelegram, ptb: telegram.Bot) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Approve", callback_data="approve:17")]])
    sent = await ptb.send_message(CHAT, "<b>37</b> articles &lt; 5 days", parse_mode="HTML", reply_markup=keyboard)
    assert (sent.text, sent.entities[0].type, sent.chat.id) == ("37 articles < 5 days", "bold", CHAT)

    await fake.user_taps(CHAT, sent.message_id, "approve:17")
    (update,) = await ptb.get_updates(timeout=2)
    assert update.callback_query is not None
    assert update.callback_query.data == "approve:17"
    assert await ptb.answer_callback_query(update.callback_query.id, text="done")
    with pytest.raises(telegram.error.BadRequest, match=r"(?i)query is too old"):
        await ptb.answer_callback_query(update.callback_query.id)

    edited = await ptb.edit_message_text("approved", chat_id=CHAT, message_id=sent.message_id)
    assert isinstance(edited, telegram.Message)
    assert edited.text == "approved"
    with pytest.raises(telegram.error.BadRequest, match=r"(?i)message is not modified"):
        await ptb.edit_message_text("approved", chat_id=CHAT, message_id=sent.message_id)


async def test_aiogram_sends_edits_and_answers(fake: FakeTelegram, aiogram: AiogramBot) -> None:
    keyboard = AiogramMarkup(inline_keyboard=[[AiogramButton(text="Approve", callback_data="approve:17")]])
    sent = await aiogram.send_message(CHAT, "<i>hello</i>", parse_mode="HTML", reply_markup=keyboard)
    assert sent.text == "hello"
    await fake.user_taps(CHAT, sent.message_id, "approve:17")
    (update,) = await aiogram.get_updates(timeout=2)
    assert update.callback_query is not None
    assert await aiogram.answer_callback_query(update.callback_query.id)
    edited = await aiogram.edit_message_text("approved", chat_id=CHAT, message_id=sent.message_id)
    assert not isinstance(edited, bool)
    assert edited.text == "approved"


async def test_both_clients_upload_documents_and_photos(
    fake: FakeTelegram, ptb: telegram.Bot, aiogram: AiogramBot
) -> None:
    first = await ptb.send_document(CHAT, b"a;b\n1;2\n", filename="plan.csv", caption="the plan")
    second = await aiogram.send_document(CHAT, BufferedInputFile(b"a;b\n1;2\n", "plan.csv"))
    assert first.document is not None
    assert second.document is not None
    assert first.document.file_size == second.document.file_size == 8
    assert (await ptb.send_photo(CHAT, b"\x89PNG....", caption="<u>chart</u>", parse_mode="HTML")).caption == "chart"
    assert (await aiogram.send_photo(CHAT, BufferedInputFile(b"\x89PNG....", "chart.png"))).photo


async def test_both_clients_read_themselves_chats_commands_and_webhooks(
    fake: FakeTelegram, ptb: telegram.Bot, aiogram: AiogramBot
) -> None:
    assert (await ptb.get_me()).username == (await aiogram.get_me()).username == "procurement_test_bot"
    assert (await ptb.get_chat(CHAT)).id == (await aiogram.get_chat(CHAT)).id == CHAT
    assert await ptb.set_my_commands([("today", "What to order today")])
    assert (await aiogram.get_my_commands())[0].command == "today"
    assert await aiogram.set_webhook("http://127.0.0.1:9/hook", secret_token="a-secret")
    assert (await ptb.get_webhook_info()).url == "http://127.0.0.1:9/hook"
    with pytest.raises(telegram.error.Conflict):
        await ptb.get_updates()
    assert await ptb.delete_webhook()
    with pytest.raises(telegram.error.BadRequest, match="unallowed characters"):
        await ptb.set_webhook("http://127.0.0.1:9/hook", secret_token="not allowed!")


async def test_both_clients_understand_every_refusal(
    fake: FakeTelegram, ptb: telegram.Bot, aiogram: AiogramBot
) -> None:
    fake.state.set_chat(1, "blocked")
    fake.state.set_chat(2, "missing")
    fake.state.set_chat(-3, "migrated", migrated_to=-1000000000003)
    for send in (ptb.send_message, aiogram.send_message):
        with pytest.raises((telegram.error.Forbidden, TelegramForbiddenError), match="blocked by the user"):
            await send(1, "hello")
        with pytest.raises((telegram.error.BadRequest, TelegramBadRequest), match=r"(?i)chat not found"):
            await send(2, "hello")
        with pytest.raises((telegram.error.BadRequest, TelegramBadRequest), match=r"(?i)too long"):
            await send(CHAT, "x" * 4097)
        with pytest.raises((telegram.error.BadRequest, TelegramBadRequest), match=r"(?i)message text is empty"):
            await send(CHAT, "   ")
        with pytest.raises((telegram.error.BadRequest, TelegramBadRequest), match=r"(?i)can't find end tag"):
            await send(CHAT, "<b>hello", parse_mode="HTML")
        fake.fault(code=429, description="Too Many Requests: retry after 7", retry_after=7)
        with pytest.raises((telegram.error.RetryAfter, TelegramRetryAfter)):
            await send(CHAT, "hello")
    with pytest.raises(telegram.error.ChatMigrated) as migrated:
        await ptb.send_message(-3, "hello")
    assert migrated.value.new_chat_id == -1000000000003


async def test_a_token_that_is_not_the_bots_is_unauthorised_for_both_clients(fake: FakeTelegram) -> None:
    bot = AiogramBot(WRONG_TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(fake.base_url)))
    with pytest.raises(TelegramUnauthorizedError):
        await bot.get_me()
    await bot.session.close()
    with pytest.raises(telegram.error.InvalidToken):
        await telegram.Bot(WRONG_TOKEN, base_url=f"{fake.base_url}/bot").initialize()
    assert fake.state.calls == []


async def test_too_many_messages_are_refused_when_limits_are_enforced(fake: FakeTelegram, ptb: telegram.Bot) -> None:
    fake.state.limits.enforced = True
    await ptb.send_message(CHAT, "first")
    with pytest.raises(telegram.error.RetryAfter):
        await ptb.send_message(CHAT, "second, within the second")
    with pytest.raises(telegram.error.RetryAfter):
        await ptb.send_message(CHAT + 1, "a bot over the limit is refused everywhere")
    await asyncio.sleep(1.05)
    await ptb.send_message(CHAT + 1, "again")
    assert fake.state.texts() == ["first", "again"]


async def test_updates_reach_a_webhook_with_its_secret(fake: FakeTelegram, ptb: telegram.Bot) -> None:
    received: asyncio.Queue[tuple[str, dict[str, object]]] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        await received.put((request.headers["X-Telegram-Bot-Api-Secret-Token"], await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await ptb.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", secret_token="s3cret")
        await fake.user_says(CHAT, "/start abc")
        secret, update = await asyncio.wait_for(received.get(), 5)
    finally:
        await runner.cleanup()
    assert secret == "s3cret"
    read = telegram.Update.de_json(update, ptb)
    assert read.message is not None
    assert read.message.text == "/start abc"


async def test_another_process_steers_the_fake_over_http(fake: FakeTelegram, ptb: telegram.Bot) -> None:
    async with aiohttp.ClientSession(fake.base_url) as control:

        async def post(path: str, **body: object) -> int:
            async with control.post(f"/sim/{path}", json=body) as response:
                return response.status

        assert await post("fault", code=502, description="Bad Gateway", contains="hello") == 200
        assert await post("fault", cod=502) == 400
        assert await post("chat", id=5, state="blocked") == 200
        await ptb.send_message(CHAT, "something else")
        with pytest.raises(telegram.error.NetworkError, match="Bad Gateway"):
            await ptb.send_message(CHAT, "hello")
        await ptb.send_message(CHAT, "hello")
        with pytest.raises(telegram.error.Forbidden):
            await ptb.send_message(5, "hello")
        assert await post("message", chat_id=CHAT, text="/stop") == 200
        async with control.get("/sim/outbox") as response:
            assert [m["text"] for m in (await response.json())["messages"]] == ["something else", "hello"]
        async with control.get("/sim/calls") as response:
            assert [c["status"] for c in (await response.json())["calls"]][1:] == [200, 502, 200, 403]
        assert (await ptb.get_updates())[0].message is not None


async def test_the_oracle_sees_a_wrong_answer_and_a_wrong_request(fake: FakeTelegram, ptb: telegram.Bot) -> None:
    await ptb.send_message(CHAT, "hello")
    call = fake.state.calls[-1]
    assert call.response is not None
    call.response["result"]["mesage_id"] = 1
    call.response["result"]["date"] = "yesterday"
    call.params["tetx"] = "hello"
    found = "\n".join(violations([call]))
    fake.state.calls.remove(call)
    assert "unknown parameters ['tetx']" in found
    assert "date" in found
