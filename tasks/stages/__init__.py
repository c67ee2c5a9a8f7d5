"""The stages of a run, one file each, and what only they need: plain code that Prefect tasks are a wrapper around."""
