"""Rules about requests that need neither network nor framework."""
