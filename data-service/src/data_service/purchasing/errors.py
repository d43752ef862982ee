"""Expected failures of purchasing."""

from shared.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError


class PurchaseOrderNotFoundError(NotFoundError):
    code = "purchase_order_not_found"
    title = "No such purchase order"


class WrongStatusError(ConflictError):
    code = "wrong_purchase_order_status"
    title = "The purchase order is in another status"


class PlanLineOrderedError(ConflictError):
    code = "plan_line_already_ordered"
    title = "This line of the plan was ordered already"


class ApprovalNotAllowedError(ForbiddenError):
    code = "approval_not_allowed"
    title = "Not allowed to approve this purchase order"


class InvalidLineError(InvalidInputError):
    code = "invalid_purchase_order_line"
    title = "A line of the purchase order cannot be used"
