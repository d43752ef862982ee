"""Pure rules of backups: the encrypted container, the manifest, retention."""
