"""The catalogue in bulk: codes looked up and files applied, inside the transaction of an import."""
