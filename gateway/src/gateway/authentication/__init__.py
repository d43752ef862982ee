"""Proving who calls: login, tokens, sessions, service credentials."""
