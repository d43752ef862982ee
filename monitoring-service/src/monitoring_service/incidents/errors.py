"""Expected failures."""

from shared.errors import ConflictError, NotFoundError


class IncidentNotFoundError(NotFoundError):
    code = "incident_not_found"
    title = "No such incident"


class IncidentResolvedError(ConflictError):
    code = "incident_resolved"
    title = "The incident is over"
