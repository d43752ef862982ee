"""Expected failures of backups and restorations."""

from shared.errors import ConflictError, InvalidInputError, NotFoundError, ServiceError, UnavailableError


class BackupNotFoundError(NotFoundError):
    code = "backup_not_found"
    title = "No such backup"


class RestorationNotFoundError(NotFoundError):
    code = "restoration_not_found"
    title = "No such restoration"


class BackupsNotConfiguredError(ConflictError):
    code = "backups_not_configured"
    title = "Backups are not set up"


class BackupKeyError(ConflictError):
    code = "backup_key_unusable"
    title = "The backup key cannot be used"


class PostgresToolsError(ConflictError):
    code = "postgres_tools_unusable"
    title = "pg_dump and pg_restore cannot be used"


class BackupNotRestorableError(ConflictError):
    code = "backup_not_restorable"
    title = "The backup cannot be restored"


class DatabaseExistsError(ConflictError):
    code = "database_exists"
    title = "The database exists already"


class InvalidDatabaseNameError(InvalidInputError):
    code = "invalid_database_name"
    title = "Not a name for a restored database"


class DatabaseUnreachableError(UnavailableError):
    code = "backup_database_unreachable"
    title = "The database cannot be reached"


class DumpFailedError(ServiceError):
    code = "dump_failed"
    title = "pg_dump failed"


class BackupStoreError(ServiceError):
    code = "backup_not_stored"
    title = "The backup could not be stored"


class WrongBackupKeyError(ServiceError):
    code = "backup_key_wrong"
    title = "The backup was made with another key"


class BackupDamagedError(ServiceError):
    code = "backup_damaged"
    title = "The backup is damaged"


class RestoreFailedError(ServiceError):
    code = "restore_failed"
    title = "pg_restore failed"


class RestoredContentDiffersError(ServiceError):
    code = "restored_content_differs"
    title = "What was restored is not what was backed up"
