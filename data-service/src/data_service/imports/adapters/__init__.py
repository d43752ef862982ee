"""Uploads on disk, and the neighbouring features that take checked rows."""
