"""What every service is built on: contracts, the edge, process plumbing. No business rules."""
