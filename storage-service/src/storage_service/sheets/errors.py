"""Expected failures of Google Sheets."""

from shared.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
    UpstreamError,
)


class SheetsNotConfiguredError(ConflictError):
    code = "google_sheets_not_configured"
    title = "Google Sheets is not set up"


class GoogleCredentialsError(ConflictError):
    code = "google_credentials_rejected"
    title = "Google does not accept the service account's key"


class SpreadsheetNotRegisteredError(ConflictError):
    code = "spreadsheet_not_registered"
    title = "No spreadsheet to write to"


class SpreadsheetNotFoundError(NotFoundError):
    code = "spreadsheet_not_found"
    title = "No such spreadsheet"


class SpreadsheetNotSharedError(ConflictError):
    code = "spreadsheet_not_shared"
    title = "The spreadsheet may not be changed by the service account"


class SpreadsheetNameTakenError(ConflictError):
    code = "spreadsheet_name_taken"
    title = "A spreadsheet of this name is registered already"


class InvalidSpreadsheetKeyError(InvalidInputError):
    code = "invalid_spreadsheet_key"
    title = "Not a key of a spreadsheet"


class SpreadsheetFullError(ConflictError):
    code = "spreadsheet_full"
    title = "The table does not fit into the spreadsheet"


class GoogleQuotaError(RateLimitedError):
    code = "google_quota_exhausted"
    title = "Google's quota is used up"


class GoogleUnavailableError(UnavailableError):
    code = "google_unavailable"
    title = "Google does not answer"


class GoogleRefusedError(UpstreamError):
    code = "google_refused"
    title = "Google refused the request"
