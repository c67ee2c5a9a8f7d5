"""What every stage works with: the request, the context of a worker, descriptors, the manifest of a version."""
