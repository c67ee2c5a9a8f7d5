"""What a run tells those who watch it: happenings, metrics, spans and log lines, as plain values."""
