"""Backups: encrypted dumps of the platform, and the restorations that prove them."""
