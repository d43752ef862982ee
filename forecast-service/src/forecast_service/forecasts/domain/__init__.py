"""The numerics of a forecast run: pure functions of a demand panel."""
