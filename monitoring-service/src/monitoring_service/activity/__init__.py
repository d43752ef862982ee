"""When each kind of work (imports, runs, backups) last ended, learned from the other services' events."""
