"""Deployments: the runs of policies that a Prefect server schedules and starts."""
