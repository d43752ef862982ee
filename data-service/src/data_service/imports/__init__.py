"""Files in: read, matched, cleaned, quarantined, applied as a whole."""
