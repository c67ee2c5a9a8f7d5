"""A folder or a bucket prefix of immutable objects, written whole or not at all.

One class serves both: local paths go through a temporary file, fsync and rename; S3 puts are atomic by
themselves. Faults of the outside world leave here as StorageError, with the URI and the remedy.
"""
