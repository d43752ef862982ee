"""What recommendations need of data-service."""
