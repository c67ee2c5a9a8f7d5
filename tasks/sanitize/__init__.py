"""Text that is safe to show: credentials removed, control characters escaped, secrets that have no text form."""
