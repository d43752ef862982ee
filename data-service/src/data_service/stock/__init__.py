"""What lies where, and what moved it."""
