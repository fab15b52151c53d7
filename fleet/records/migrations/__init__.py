"""Versions of the store's tables. A new one: `python -m fleet.records.migrations WORDS` writes what changed."""
