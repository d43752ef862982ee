"""Expected failures of imports."""

from shared.errors import InvalidInputError, NotFoundError, PayloadTooLargeError, UnsupportedMediaError


class ImportNotFoundError(NotFoundError):
    code = "import_not_found"
    title = "No such import"


class FileTooLargeError(PayloadTooLargeError):
    code = "file_too_large"
    title = "File too large"


class EmptyFileError(InvalidInputError):
    code = "empty_file"
    title = "Empty file"


class UploadBrokenOffError(InvalidInputError):
    code = "upload_broken_off"
    title = "The upload broke off"


class FormUploadError(UnsupportedMediaError):
    code = "form_upload"
    title = "Send the file itself"


class LeaseLostError(Exception):
    """Another worker has taken the import over; whatever this one did is rolled back."""
