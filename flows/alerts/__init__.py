"""Alerts: webhooks, mail, events and automations of a Prefect server."""
