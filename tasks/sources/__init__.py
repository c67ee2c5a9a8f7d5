"""Where raw rows come from: found, hashed, and read as typed columns, format by format."""
