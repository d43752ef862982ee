"""The queue of messages, its sender, and the history of what was sent."""
