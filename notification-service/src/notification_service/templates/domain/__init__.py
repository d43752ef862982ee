"""Rules of the message markup: reading it as plain text, splitting it."""
