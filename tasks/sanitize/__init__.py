"""What may be shown: credentials cut out, control characters spelled out, secrets that have no text."""
