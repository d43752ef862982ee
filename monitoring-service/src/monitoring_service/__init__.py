"""monitoring-service: probes, incidents, alerts and the state of the platform."""
