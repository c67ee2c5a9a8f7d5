"""What must hold: Great Expectations expectations that judge columns, and the suites of the built-in data sets."""
