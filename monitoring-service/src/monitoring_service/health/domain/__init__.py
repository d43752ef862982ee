"""Pure rules of probing: targets, thresholds, causes, the overall state."""
