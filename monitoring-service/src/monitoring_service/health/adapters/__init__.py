"""The ways a target is asked: HTTP and TCP."""
