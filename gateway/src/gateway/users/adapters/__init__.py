"""Password hashing, the list of common passwords, and mail."""
