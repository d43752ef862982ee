"""Leases: background jobs that survive the death of the worker that ran them."""
