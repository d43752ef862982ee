"""Replenishment: what to order, from whom, how much, until when, and why that much."""
