"""What a change in git means for policies: the repository, what imports what, and which policies a change touches."""
