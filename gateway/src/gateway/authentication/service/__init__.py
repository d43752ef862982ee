"""Logging in and out, and recognising callers on every request."""
