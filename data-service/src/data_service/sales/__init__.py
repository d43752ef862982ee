"""What was sold, per day, article and warehouse."""
