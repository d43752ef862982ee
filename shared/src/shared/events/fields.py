"""Field types shared by the payloads."""

from datetime import UTC
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

BATCH_LIMIT = 1000

UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda value: value.astimezone(UTC))]
Code = Annotated[str, Field(min_length=1, max_length=255)]
Count = Annotated[int, Field(ge=0)]
Units = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code.")]
Money = Annotated[Decimal, Field(ge=0, description="Amount in `currency`, a decimal string.")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="Lower-case hexadecimal SHA-256 of the content.")]
