"""Demand forecasts with their uncertainty, and the purchase proposals made from them."""
