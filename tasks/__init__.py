"""The work: verbs at the top are thin Prefect tasks, nouns in the sub-folders are plain Python."""
