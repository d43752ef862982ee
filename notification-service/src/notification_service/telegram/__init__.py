"""Telegram: the bot as a channel, its limits, and what its refusals mean."""
