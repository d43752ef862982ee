"""Expected failures of exports."""

from shared.errors import ConflictError, InvalidInputError, NotFoundError, ServiceError


class ExportNotFoundError(NotFoundError):
    code = "export_not_found"
    title = "No such export"


class ExportNotReadyError(ConflictError):
    code = "export_not_ready"
    title = "The export has no file to fetch"


class ExportExpiredError(ServiceError):
    status = 410
    code = "export_expired"
    title = "The export has expired"


class PlanNotFoundError(NotFoundError):
    code = "plan_not_found"
    title = "There is no such plan"


class InvalidCsvOptionsError(InvalidInputError):
    code = "invalid_csv_options"
    title = "CSV options contradict each other"


class RenderFailedError(ServiceError):
    code = "render_failed"
    title = "The file could not be written"
