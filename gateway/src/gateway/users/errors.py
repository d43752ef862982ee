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


class InvalidUserError(InvalidInputError):
    code = "invalid_user"
    title = "The user cannot be stored as given"


class TooManyLoginsError(UnavailableError):
    code = "too_many_logins"
    title = "Too many people log in at this moment"
