"""Expected failures of subscriptions."""

from typing import ClassVar

from shared.errors import ConflictError, InvalidInputError, NotFoundError


class SubscriptionNotFoundError(NotFoundError):
    code: ClassVar[str] = "subscription_not_found"
    title: ClassVar[str] = "No such subscription"


class SubscriptionExistsError(ConflictError):
    code: ClassVar[str] = "subscription_exists"
    title: ClassVar[str] = "This address is subscribed already"


class SubscriptionInvalidError(InvalidInputError):
    code: ClassVar[str] = "subscription_invalid"
    title: ClassVar[str] = "The subscription cannot be stored as it is"
