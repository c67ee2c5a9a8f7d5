"""Who is to hear of what went wrong: webhooks, mail, events and automations of a Prefect server."""
