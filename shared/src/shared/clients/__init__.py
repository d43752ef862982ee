"""Clients of the other services, all through the gateway; tolerant: they read only the fields they use."""
