"""Versions of code: a hash of all that a function stands on, so that cached work follows every change of behaviour."""
