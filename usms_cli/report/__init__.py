"""A run as tables, JSON or CSV. Knows nothing of how it came about."""
