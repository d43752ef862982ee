"""Logging, metrics and tracing: set up once per process; they degrade, they never raise."""
