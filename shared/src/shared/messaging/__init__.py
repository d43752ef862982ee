"""Moving events between services: transports, outbox relay, consumers, dead letters, worker processes."""
