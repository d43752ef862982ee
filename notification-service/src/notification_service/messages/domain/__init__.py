"""Rules of delivery: what a channel may answer, and what becomes of the message."""
