"""People who may log in: their roles and passwords."""
