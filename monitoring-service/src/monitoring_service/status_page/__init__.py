"""The status page: one HTML page in English or Russian."""
