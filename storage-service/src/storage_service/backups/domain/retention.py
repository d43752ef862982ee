"""Which backups may go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class StoredBackup:
    id: UUID
    finished_at: datetime
    is_verified: bool


def to_remove(backups: Sequence[StoredBackup], keep: int) -> list[UUID]:
    """All but the newest `keep`; the newest verified one always stays, however old it is."""
    newest_first = sorted(backups, key=lambda backup: backup.finished_at, reverse=True)
    newest_verified = next((backup.id for backup in newest_first if backup.is_verified), None)
    return [backup.id for backup in newest_first[keep:] if backup.id != newest_verified]
