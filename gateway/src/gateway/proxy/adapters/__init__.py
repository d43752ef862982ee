"""Connections to the services, to Redis, and to the callers' sockets."""
