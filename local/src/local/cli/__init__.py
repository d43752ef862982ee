"""The command `procurement`."""
