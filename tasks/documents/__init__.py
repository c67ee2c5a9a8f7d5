"""Plain JSON documents that describe runs and versions: their shapes, service levels, and figures in words."""
