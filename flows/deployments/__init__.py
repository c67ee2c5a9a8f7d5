"""Runs that a Prefect server starts: what it is told of each policy, and how a run of a worker goes."""
