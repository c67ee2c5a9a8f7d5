"""Where shards are run: threads, processes or Dask, one file each, all the same to the caller."""
