"""The Prefect and MLflow servers that we start."""
