"""The sample company: a seeded generator of sales, products, suppliers, stock and purchase orders."""
