"""Which split a row belongs to, and the ledger that keeps it there."""
