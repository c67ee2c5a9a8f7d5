"""Erase rows permanently: select the rows, publish a version without them, and purge old versions."""
