"""What a run leaves behind: the MLflow run, its data card, its lineage page, and the spool for when MLflow is down."""
