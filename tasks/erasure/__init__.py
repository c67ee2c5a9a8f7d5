"""Forget rows for good: which rows are meant, the version without them, and the purge of old versions."""
