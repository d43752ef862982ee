"""The schema `gateway` and its tables' base."""

from shared.database.base import create_base
from shared.database.inbox import create_inbox
from shared.database.outbox import create_outbox

Base = create_base("gateway")
OUTBOX = create_outbox(Base.metadata)
INBOX = create_inbox(Base.metadata)
