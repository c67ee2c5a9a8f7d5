"""Self-contained HTML pages, rendered from plain documents; nothing here reads a store."""
