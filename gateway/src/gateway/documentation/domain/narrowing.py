"""What one caller sees of the document."""

from dataclasses import dataclass

from gateway.documentation.domain.merging import Operation, Terms


@dataclass(frozen=True)
class Reader:
    """Whoever asks. `roles` None: nobody known. `permits` None: all of them."""

    roles: frozenset[str] | None = None
    permits: frozenset[str] | None = None

    def may(self, terms: Terms) -> bool:
        """As the door decides on a request."""
        if terms.roles is None:
            return True
        if self.roles is None or terms.roles.isdisjoint(self.roles):
            return False
        return self.permits is None or terms.permit in self.permits


def visible(operations: tuple[Operation, ...], reader: Reader) -> list[Operation]:
    return [operation for operation in operations if reader.may(operation.terms)]
