"""What can be seen from outside: counts of what happened, metrics, traces and log lines."""
