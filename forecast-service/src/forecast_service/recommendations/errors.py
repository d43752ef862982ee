"""Expected failures of recommendations."""

from shared.errors import ConflictError, InvalidInputError, NotFoundError, ServiceError


class PlanNotFoundError(NotFoundError):
    code = "plan_not_found"
    title = "No such plan"


class RecommendationNotFoundError(NotFoundError):
    code = "recommendation_not_found"
    title = "No such recommendation"


class AlreadyDecidedError(ConflictError):
    code = "recommendation_decided"
    title = "The recommendation was decided already"


class NothingToApproveError(InvalidInputError):
    code = "nothing_to_approve"
    title = "Nothing to approve was named"


class UnreadablePlanningInputsError(ServiceError):
    status = 502
    code = "unreadable_planning_inputs"
    title = "The planning inputs of data-service cannot be read"
