"""Expected failures of the users feature."""

from shared.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError


class UserNotFoundError(NotFoundError):
    code = "user_not_found"
    title = "No such user"


class EmailTakenError(ConflictError):
    code = "email_taken"
    title = "The e-mail address is in use"


class LastAdministratorError(ConflictError):
    code = "last_administrator"
    title = "Somebody must stay administrator"


class LinkNotPossibleError(ConflictError):
    code = "link_not_possible"
    title = "There is nothing this link could do"


class LinkNotValidError(NotFoundError):
    """One text for unknown, used and expired: which it was is nobody's business."""

    code = "link_not_valid"
    title = "The link cannot be used"

    def __init__(self, how_to_get_another: str) -> None:
        super().__init__(f"token: it is unknown, was used or has expired. {how_to_get_another}")


class InvalidUserError(InvalidInputError):
    code = "invalid_user"
    title = "The user cannot be stored as given"


class TooManyLoginsError(UnavailableError):
    code = "too_many_logins"
    title = "Too many people log in at this moment"
