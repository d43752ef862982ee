"""The Bot API through python-telegram-bot."""
