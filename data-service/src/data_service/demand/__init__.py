"""Clean daily demand and planning inputs, as Arrow streams."""
