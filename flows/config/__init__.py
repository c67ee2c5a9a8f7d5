"""What settings are made of: where alerts, metrics and traces go, and what a home knows of its servers."""
