"""What `augmill doctor` looks at: one file each, found by looking into this folder.

A check is a module with `check(current)`, which answers with `ok`, `warn` or `fail` for each thing it has looked at, or
raises one of our errors. It waits for SECONDS at most, puts back what it changes, and shows no secret.
"""
