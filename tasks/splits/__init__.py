"""Which split a row belongs to, and the memory that it keeps it for ever."""
