"""Probes of every service and server, their thresholds, and the present state of the platform."""
