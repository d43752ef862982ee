"""The way through: what comes in is checked, recognised, allowed, counted, and passed on."""
