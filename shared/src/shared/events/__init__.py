"""Event contracts: the envelope, one module per owner, and the catalogue of what is published and who listens."""
