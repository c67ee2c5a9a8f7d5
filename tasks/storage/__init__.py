"""Where bytes live: whole-or-nothing objects, Delta tables, channels."""
