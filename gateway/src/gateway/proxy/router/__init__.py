"""The ways in: the door, the passage every request takes, and the quick way for the plainest of them."""
