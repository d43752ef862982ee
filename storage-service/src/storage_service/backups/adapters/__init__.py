"""What backups reach outside the process: the PostgreSQL tools, the database catalog, the backup folder."""
