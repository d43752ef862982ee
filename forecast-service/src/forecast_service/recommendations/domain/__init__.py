"""The order quantity and its reasons, as pure functions."""
