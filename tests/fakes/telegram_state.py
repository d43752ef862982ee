"""What the fake Bot API server remembers: chats, messages, updates, faults to inject, every call."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tests.fakes.telegram_limits import FloodLimits

Action = Literal["error", "slow", "drop", "hang", "drop_after_accept", "hang_after_accept", "garbage"]
ChatState = Literal["ok", "missing", "blocked", "kicked", "deactivated", "migrated"]


class ApiError(Exception):
    def __init__(self, code: int, description: str, parameters: Mapping[str, int] | None = None) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, dict(parameters or {})

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return body | ({"parameters": self.parameters} if self.parameters else {})


@dataclass
class Fault:
    """Applies to the next `times` calls that match; a `None` filter matches everything.

    `drop` closes the connection, `hang` keeps it silent for `seconds`; `…_after_accept` do so after the method took effect;
    `slow` answers as usual, but only after `seconds`.
    """

    method: str | None = None
    chat_id: int | None = None
    contains: str | None = None
    action: Action = "error"
    code: int = 500
    description: str = "Internal Server Error"
    retry_after: int | None = None
    migrate_to_chat_id: int | None = None
    seconds: float = 3600.0
    times: int = 1

    def matches(self, call: "Call") -> bool:
        text = f"{call.params.get('text', '')}{call.params.get('caption', '')}"
        return (
            self.times > 0
            and self.method in {None, call.method}
            and (self.chat_id is None or str(self.chat_id) == str(call.params.get("chat_id")))
            and (self.contains is None or self.contains in text)
        )

    def error(self) -> ApiError:
        parameters = {"retry_after": self.retry_after, "migrate_to_chat_id": self.migrate_to_chat_id}
        return ApiError(self.code, self.description, {k: v for k, v in parameters.items() if v is not None})


@dataclass
class Chat:
    id: int
    type: str
    name: str
    state: ChatState = "ok"
    migrated_to: int | None = None

    def json(self) -> dict[str, Any]:
        named = {"first_name": self.name} if self.type == "private" else {"title": self.name}
        return {"id": self.id, "type": self.type, **named}


@dataclass(frozen=True)
class Upload:
    filename: str
    content_type: str
    content: bytes


@dataclass
class Call:
    method: str
    params: dict[str, Any]
    files: dict[str, Upload] = field(default_factory=dict)
    status: int | None = None  # stays None when no answer was given
    response: dict[str, Any] | None = None
    at: float = field(default_factory=time.monotonic)


@dataclass
class State:
    bot_id: int
    username: str
    clock: Any = time.monotonic
    chats: dict[int, Chat] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)  # messages as they stand, oldest first
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    open_queries: set[str] = field(default_factory=set)
    answered: list[dict[str, Any]] = field(default_factory=list)
    webhook: dict[str, Any] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    next_update_id: int = 100
    next_message_id: int = 1
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.limits = FloodLimits(self.clock)

    def bot(self) -> dict[str, Any]:
        return {"id": self.bot_id, "is_bot": True, "first_name": "Procurement", "username": self.username}

    def chat(self, chat_id: int) -> Chat:
        if chat_id not in self.chats:
            kind = "private" if chat_id > 0 else "supergroup" if chat_id < -(10**12) else "group"
            self.chats[chat_id] = Chat(chat_id, kind, f"Chat {chat_id}")
        return self.chats[chat_id]

    def set_chat(self, chat_id: int, state: ChatState, migrated_to: int | None = None) -> None:
        chat = self.chat(chat_id)
        chat.state, chat.migrated_to = state, migrated_to

    def take_fault(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if fault.matches(call):
                fault.times -= 1
                return fault
        return None

    def texts(self, chat_id: int | None = None) -> list[str]:
        return [m.get("text", m.get("caption", "")) for m in self.sent if chat_id in {None, m["chat"]["id"]}]

    def new_message(self, chat: Chat, sender: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        message = {
            "message_id": self.next_message_id,
            "from": sender,
            "chat": chat.json(),
            "date": int(time.time()),
        } | content
        self.next_message_id += 1
        return message

    async def push(self, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        update = {"update_id": self.next_update_id, kind: value}
        self.next_update_id += 1
        async with self.changed:
            self.updates.append(update)
            self.changed.notify_all()
        return update

    def describe_calls(self) -> list[dict[str, Any]]:
        """For the control interface: uploads by name and size, not by content."""
        described = []
        for call in self.calls:
            files = {
                name: {"filename": f.filename, "content_type": f.content_type, "size_bytes": len(f.content)}
                for name, f in call.files.items()
            }
            described.append(asdict(call) | {"files": files})
        return described
