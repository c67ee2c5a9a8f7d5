"""Verifiers write score columns about children; expectations judge them."""
