"""Limits of the Bot API, and the meaning of its refusals."""
