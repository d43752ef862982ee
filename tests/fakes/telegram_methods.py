"""The Bot API methods the fake understands: parameters checked and refused in Telegram's own words."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from tests.fakes.telegram_html import EntityError, parse_html, utf16_length
from tests.fakes.telegram_state import ApiError, Call, Chat, State

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_CALLBACK_BYTES = 64
MAX_BUTTONS = 100
CAPITAL = re.compile("([A-Z])")
SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}")
# Parameters that arrive as JSON inside a form.
STRUCTURED = frozenset(
    {
        "reply_markup",
        "entities",
        "caption_entities",
        "link_preview_options",
        "reply_parameters",
        "allowed_updates",
        "commands",
        "scope",
    }
)
REFUSALS = {
    "missing": (400, "Bad Request: chat not found"),
    "blocked": (403, "Forbidden: bot was blocked by the user"),
    "kicked": (403, "Forbidden: bot was kicked from the group chat"),
    "deactivated": (403, "Forbidden: user is deactivated"),
}


def bad_request(text: str) -> ApiError:
    return ApiError(400, f"Bad Request: {text}")


class Methods:
    def __init__(self, state: State) -> None:
        self._state = state
        self._handlers: dict[str, Callable[[Call], Awaitable[Any]]] = {
            name.lower(): getattr(self, "_" + CAPITAL.sub(r"_\1", name).lower()) for name in NAMES
        }

    def canonical(self, method: str) -> str:
        for name in NAMES:
            if name.lower() == method.lower():
                return name
        raise ApiError(404, "Not Found: method not found")

    async def run(self, call: Call) -> Any:
        return await self._handlers[call.method.lower()](call)

    async def _get_me(self, _call: Call) -> dict[str, Any]:
        return self._state.bot() | {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    async def _get_chat(self, call: Call) -> dict[str, Any]:
        chat = self._open_chat(call)
        return chat.json() | {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                "unlimited_gifts": True,
                "limited_gifts": True,
                "unique_gifts": True,
                "premium_subscription": False,
                "gifts_from_channels": True,
            },
        }

    async def _send_message(self, call: Call) -> dict[str, Any]:
        chat = self._open_chat(call)
        content = self._text(call, "text", MAX_TEXT)
        return self._deliver(call, chat, content)

    async def _send_photo(self, call: Call) -> dict[str, Any]:
        chat = self._open_chat(call)
        name, size = self._upload(call, "photo")
        file = {"file_id": f"photo-{name}", "file_unique_id": f"u-{name}", "file_size": size}
        content = {"photo": [file | {"width": 90, "height": 90}, file | {"width": 800, "height": 600}]}
        return self._deliver(call, chat, content | self._caption(call))

    async def _send_document(self, call: Call) -> dict[str, Any]:
        chat = self._open_chat(call)
        name, size = self._upload(call, "document")
        document = {"file_id": f"doc-{name}", "file_unique_id": f"u-{name}", "file_name": name, "file_size": size}
        return self._deliver(call, chat, {"document": document} | self._caption(call))

    async def _send_chat_action(self, call: Call) -> bool:
        self._open_chat(call)
        return True

    async def _edit_message_text(self, call: Call) -> dict[str, Any]:
        message = self._own_message(call)
        content = self._text(call, "text", MAX_TEXT) | self._markup(call)
        changed = {k: v for k, v in message.items() if k not in {"text", "entities", "reply_markup"}} | content
        return self._replace(message, changed)

    async def _edit_message_reply_markup(self, call: Call) -> dict[str, Any]:
        message = self._own_message(call)
        return self._replace(message, {k: v for k, v in message.items() if k != "reply_markup"} | self._markup(call))

    async def _delete_message(self, call: Call) -> bool:
        self._state.sent.remove(self._own_message(call))
        return True

    async def _answer_callback_query(self, call: Call) -> bool:
        query = str(call.params.get("callback_query_id", ""))
        if query not in self._state.open_queries:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        if len(call.params.get("text", "")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        self._state.open_queries.discard(query)
        self._state.answered.append(dict(call.params))
        return True

    async def _set_my_commands(self, call: Call) -> bool:
        self._state.commands = list(call.params.get("commands", []))
        return True

    async def _get_my_commands(self, _call: Call) -> list[dict[str, Any]]:
        return self._state.commands

    async def _set_webhook(self, call: Call) -> bool:
        url = str(call.params.get("url", ""))
        secret = call.params.get("secret_token")
        if secret is not None and not SECRET_TOKEN.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        self._state.webhook = {"url": url, "secret_token": secret} if url else {}
        return True

    async def _delete_webhook(self, call: Call) -> bool:
        self._state.webhook = {}
        if _truth(call.params.get("drop_pending_updates")):
            self._state.updates.clear()
        return True

    async def _get_webhook_info(self, _call: Call) -> dict[str, Any]:
        return {
            "url": self._state.webhook.get("url", ""),
            "has_custom_certificate": False,
            "pending_update_count": len(self._state.updates),
        }

    async def _get_updates(self, call: Call) -> list[dict[str, Any]]:
        if self._state.webhook:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            )
        offset = int(call.params.get("offset", 0))
        limit = max(1, min(100, int(call.params.get("limit", 100))))
        self._state.updates = [u for u in self._state.updates if u["update_id"] >= offset]
        seconds = min(float(call.params.get("timeout", 0)), 50.0)
        async with self._state.changed:
            try:
                await asyncio.wait_for(
                    self._state.changed.wait_for(lambda: bool(self._state.updates)), seconds or 0.001
                )
            except TimeoutError:
                return []
        return self._state.updates[:limit]

    def _open_chat(self, call: Call) -> Chat:
        raw = str(call.params.get("chat_id", ""))
        if not raw:
            raise bad_request("chat_id is empty")
        if not re.fullmatch(r"-?[1-9][0-9]{0,18}", raw):
            raise bad_request("chat not found")
        chat = self._state.chat(int(raw))
        if chat.state == "migrated":
            raise ApiError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": int(chat.migrated_to or 0)},
            )
        if chat.state in REFUSALS:
            raise ApiError(*REFUSALS[chat.state])
        return chat

    def _text(self, call: Call, name: str, limit: int) -> dict[str, Any]:
        text, entities = str(call.params.get(name, "")), call.params.get("entities", [])
        mode = str(call.params.get("parse_mode", "")).lower()
        if mode == "html":
            try:
                text, entities = parse_html(text)
            except EntityError as error:
                raise bad_request(f"can't parse entities: {error}") from error
        elif mode:
            raise bad_request("unsupported parse_mode")
        if not text.strip():
            raise bad_request("message text is empty")
        if utf16_length(text) > limit:
            raise bad_request("message is too long" if name == "text" else "message caption is too long")
        key = "entities" if name == "text" else "caption_entities"
        return {name: text} | ({key: entities} if entities else {})

    def _caption(self, call: Call) -> dict[str, Any]:
        return self._text(call, "caption", MAX_CAPTION) if call.params.get("caption") else {}

    def _upload(self, call: Call, name: str) -> tuple[str, int]:
        value = str(call.params.get(name, ""))
        part = call.files.get(value.removeprefix("attach://")) or call.files.get(name)
        if part is None:
            raise bad_request(f"there is no {name} in the request")
        if not part.content:
            raise bad_request("file must be non-empty")
        return part.filename, len(part.content)

    def _markup(self, call: Call) -> dict[str, Any]:
        markup = call.params.get("reply_markup")
        if not markup:
            return {}
        if not isinstance(markup, dict):
            raise bad_request("object expected as reply markup")
        buttons = [button for row in markup.get("inline_keyboard", []) for button in row]
        if len(buttons) > MAX_BUTTONS:
            raise bad_request("reply markup is too long")
        for button in buttons:
            if not button.get("text"):
                raise bad_request(
                    "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
                )
            if "callback_data" in button and not 0 < len(button["callback_data"].encode()) <= MAX_CALLBACK_BYTES:
                raise bad_request("BUTTON_DATA_INVALID")
        return {"reply_markup": markup} if "inline_keyboard" in markup else {}

    def _deliver(self, call: Call, chat: Chat, content: dict[str, Any]) -> dict[str, Any]:
        markup = self._markup(call)
        wait = self._state.limits.check(chat.id)
        if wait:
            raise ApiError(429, f"Too Many Requests: retry after {wait}", {"retry_after": wait})
        message = self._state.new_message(chat, self._state.bot(), content | markup)
        self._state.sent.append(message)
        return message

    def _own_message(self, call: Call) -> dict[str, Any]:
        chat, wanted = self._open_chat(call), str(call.params.get("message_id", ""))
        for message in self._state.sent:
            if message["chat"]["id"] == chat.id and str(message["message_id"]) == wanted:
                return message
        raise bad_request("message to edit not found")

    def _replace(self, message: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
        if {k: v for k, v in changed.items() if k != "edit_date"} == {
            k: v for k, v in message.items() if k != "edit_date"
        }:
            raise bad_request(
                "message is not modified: specified new message content and reply markup are exactly the same "
                "as a current content and reply markup of the message"
            )
        self._state.sent[self._state.sent.index(message)] = changed | {"edit_date": message["date"]}
        return changed | {"edit_date": message["date"]}


NAMES = (
    "getMe",
    "getChat",
    "sendMessage",
    "sendPhoto",
    "sendDocument",
    "sendChatAction",
    "editMessageText",
    "editMessageReplyMarkup",
    "deleteMessage",
    "answerCallbackQuery",
    "setMyCommands",
    "getMyCommands",
    "setWebhook",
    "deleteWebhook",
    "getWebhookInfo",
    "getUpdates",
)


def structured(params: dict[str, Any]) -> dict[str, Any]:
    """Form values as Telegram reads them: JSON where a structure is expected, text elsewhere."""
    decoded = dict(params)
    for name in STRUCTURED & decoded.keys():
        if isinstance(decoded[name], str) and decoded[name]:
            try:
                decoded[name] = json.loads(decoded[name])
            except ValueError as error:
                raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from error
    return decoded


def _truth(value: Any) -> bool:
    return str(value).lower() in {"true", "1"}
