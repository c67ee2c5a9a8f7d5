"""Reports for people: a self-contained page per run, and the summary on a terminal."""
