"""Expected failures of the API keys feature."""

from shared.errors import ForbiddenError, InvalidInputError, NotFoundError


class ApiKeyNotFoundError(NotFoundError):
    code = "api_key_not_found"
    title = "No such API key"


class ApiKeyOwnerNotFoundError(NotFoundError):
    code = "api_key_owner_not_found"
    title = "No such user"


class ApiKeyRolesError(InvalidInputError):
    code = "api_key_roles"
    title = "The key would be allowed more than its owner"


class ApiKeyExpiryError(InvalidInputError):
    code = "api_key_expiry"
    title = "The key would never work"


class ApiKeyTermsError(InvalidInputError):
    code = "api_key_terms"
    title = "The key cannot have these terms"


class PersonNeededError(ForbiddenError):
    code = "person_needed"
    title = "Only a person who logged in may do this"
