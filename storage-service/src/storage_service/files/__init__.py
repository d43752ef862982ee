"""Files: content-addressed objects with checked reads."""
