"""For tests only: signed identities, in-process clients, conformance checks."""
