"""Sessions, their refresh tokens, the counters of login attempts, and logins with an identity provider."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Float, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database import Base
from shared.database.base import new_id


class SessionRow(Base):
    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("gateway.users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (Index("ix_sessions_user_id", "user_id"), Index("ix_sessions_expires_at", "expires_at"))


class RefreshTokenRow(Base):
    """`used_at` is set once: a token presented again means that somebody copied it."""

    __tablename__ = "refresh_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("gateway.sessions.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]


class LoginThrottleRow(Base):
    """`due` is the moment, in seconds since the epoch, by which the attempts so far have drained away (GCRA)."""

    __tablename__ = "login_throttles"

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    due: Mapped[float] = mapped_column(Float(53), index=True)


class PendingLoginRow(Base):
    """A login begun at the identity provider; the state that names it is stored as a hash and works once."""

    __tablename__ = "oidc_logins"

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    nonce: Mapped[str] = mapped_column(Text)
    code_verifier: Mapped[str] = mapped_column(Text)
    binding: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ExternalIdentityRow(Base):
    """`roles_from_issuer`: the user was made by the first such login, and has the roles the issuer says."""

    __tablename__ = "external_identities"

    issuer: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("gateway.users.id"))
    roles_from_issuer: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("issuer", "user_id"),)
