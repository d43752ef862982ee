"""Expected failures of files."""

from shared.errors import (
    InvalidInputError,
    NotFoundError,
    PayloadTooLargeError,
    ServiceError,
    UnavailableError,
    UnsupportedMediaError,
)


class StoredFileNotFoundError(NotFoundError):
    code = "file_not_found"
    title = "No such file"


class StoredFileTooLargeError(PayloadTooLargeError):
    code = "file_too_large"
    title = "The file is too large"


class EmptyFileError(InvalidInputError):
    code = "file_empty"
    title = "The file is empty"


class MisnamedFileError(UnsupportedMediaError):
    code = "file_misnamed"
    title = "The content is not what the name says"


class RangeNotSatisfiableError(ServiceError):
    status = 416
    code = "range_not_satisfiable"
    title = "The range lies outside the file"


class DamagedFileError(ServiceError):
    """What the store returned is not what was put there."""

    code = "file_damaged"
    title = "The stored file is damaged"


class ObjectStoreError(UnavailableError):
    code = "object_store_unavailable"
    title = "The file store does not answer"


class OutOfSpaceError(ServiceError):
    status = 507
    code = "out_of_space"
    title = "No space left for the file"
