"""Incidents: opened and resolved by the probes, with a timeline, acknowledged by people."""
