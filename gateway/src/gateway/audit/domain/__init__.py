"""Entries, the chain they form, and its verification."""
