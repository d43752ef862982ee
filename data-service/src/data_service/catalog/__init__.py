"""Products, suppliers and their terms, warehouses."""
