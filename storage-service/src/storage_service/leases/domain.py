"""A lease: the right of one worker to run one job for a while."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass
class Lease:
    """`attempt` counts from 1. `progress` is a fraction in [0, 1], written with the next renewal."""

    job_id: UUID
    owner: UUID
    attempt: int
    progress: float = field(default=0.0)

    def report(self, progress: float) -> None:
        self.progress = min(1.0, max(self.progress, progress))


@dataclass(frozen=True)
class LeasePolicy:
    """Renewal happens three times a lease, so that one missed renewal loses nothing."""

    seconds: float = 30.0
    poll_seconds: float = 1.0
    max_attempts: int = 3
    first_retry_seconds: float = 5.0

    @property
    def renewal_seconds(self) -> float:
        # Renewals also carry the progress people watch.
        return min(2.0, self.seconds / 3)

    def retry_delay_seconds(self, attempt: int) -> float:
        return float(self.first_retry_seconds * 4 ** (attempt - 1))
