"""Jinja2 and babel: the sandboxed environment and the formats of each language."""
