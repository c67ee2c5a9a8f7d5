"""What a run reports to monitoring: events, metrics, spans and log lines, as plain values."""
