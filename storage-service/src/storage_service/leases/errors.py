"""Expected failures of leased jobs."""

from shared.errors import ConflictError, ServiceError


class LeaseLostError(ConflictError):
    """Another worker took the job over, because this one was silent for too long."""

    code = "lease_lost"
    title = "The job was taken over by another worker"


class JobInterruptedError(ServiceError):
    code = "job_interrupted"
    title = "The job was interrupted"
