"""The envelope every event travels in: CloudEvents 1.0, JSON structured mode."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from uuid_utils.compat import uuid7

from shared.events.fields import UtcDatetime

CONTENT_TYPE = "application/cloudevents+json"
SOURCE_PREFIX = "/procurement/"

EventT = TypeVar("EventT", bound="Event")
EventClass: TypeAlias = type[EventT]


class EnvelopeError(ValueError):
    """What arrived is not an envelope, or not the event that was expected."""


class Event(BaseModel):
    """Payload of one event version, which only ever gains optional fields; consumers ignore those they do not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        ser_json_timedelta="float",
        json_schema_serialization_defaults_required=True,
        use_attribute_docstrings=True,
    )

    event_type: ClassVar[str]

    @classmethod
    def owner(cls) -> str:
        return cls.event_type.partition(".")[0]


class EventPart(BaseModel):
    """A structure inside an event; same rules as `Event`."""

    model_config = Event.model_config


def source_of(owner: str) -> str:
    return SOURCE_PREFIX + owner


class Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Annotated[str, Field(pattern=r"^/procurement/[a-z]+$")]
    type: Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z][a-z-]*)+\.v[1-9][0-9]*$", max_length=255)]
    time: UtcDatetime
    subject: Annotated[str, Field(min_length=1, max_length=255)]
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event, *, source: str, subject: str, traceparent: str | None = None) -> Self:
        """Wrap `event` under a new time-ordered id; events of one `subject` (the aggregate) stay in order.

        Raises:
            EnvelopeError: `source` is not the owner of this event: only the owner publishes.
        """
        if source != source_of(event.owner()):
            raise EnvelopeError(
                f"{event.event_type} is published by {source_of(event.owner())} only, not by {source!r}"
            )
        return cls(
            id=uuid7(),
            source=source,
            type=event.event_type,
            time=datetime.now(UTC),
            subject=subject,
            traceparent=traceparent,
            data=event.model_dump(mode="json"),
        )

    def payload(self, event_class: EventClass[EventT]) -> EventT:
        """Read the data as `event_class`.

        Raises:
            EnvelopeError: another type, or data that does not fit it.
        """
        if self.type != event_class.event_type:
            raise EnvelopeError(f"event {self.id} is {self.type}, expected {event_class.event_type}")
        try:
            return event_class.model_validate(self.data)
        except ValidationError as error:
            raise EnvelopeError(
                f"event {self.id} ({self.type}) does not fit its contract: {_summary(error)}"
            ) from error

    def to_bytes(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Parse a structured-mode CloudEvent.

        Raises:
            EnvelopeError: not JSON, or not an envelope.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise EnvelopeError(f"not a CloudEvents 1.0 envelope: {_summary(error)}") from error


def _summary(error: ValidationError) -> str:
    """Say where and why, without the values: they may be confidential and end up in logs."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'/'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems[:5])
