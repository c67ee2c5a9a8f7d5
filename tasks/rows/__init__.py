"""Rows: their ids, their provenance columns, their random numbers."""
