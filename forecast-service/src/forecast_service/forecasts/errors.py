"""Expected failures of forecasts."""

from shared.errors import ConflictError, NotFoundError, ServiceError


class RunNotFoundError(NotFoundError):
    code = "run_not_found"
    title = "No such forecast run"


class ForecastNotFoundError(NotFoundError):
    code = "forecast_not_found"
    title = "No forecast of this article"


class RunFinishedError(ConflictError):
    code = "run_finished"
    title = "The run has ended already"


class LeaseLostError(Exception):
    """Another worker has the run now, or somebody ended it: what this one worked out must not be stored."""


class RunCancelledError(Exception):
    """Somebody asked for the end of the run."""


class ComputationError(ServiceError):
    """The computing process ended without a result; `code` of the problem is the instance's own."""

    status = 500
    code = "computation_failed"
    title = "The forecast could not be computed"


class NoDemandError(ConflictError):
    code = "no_demand"
    title = "There is no demand to forecast from"


class UnreadableDemandError(ServiceError):
    status = 502
    code = "unreadable_demand"
    title = "The demand of data-service cannot be read"


class RunInterruptedError(ServiceError):
    code = "run_interrupted"
    title = "The run was interrupted too often"


class RunTimeoutError(ServiceError):
    code = "run_timeout"
    title = "The run took too long"
