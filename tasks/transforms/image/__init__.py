"""Transforms of pictures, one per file."""
